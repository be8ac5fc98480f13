import * as assert from 'uvu/assert';
import type { ActorKey, Lease, LeaseRange } from '../../src/lease.js';
import type { LeaseReads } from '../../src/lease-store.js';
import { seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';
import {
  type AnyStore,
  collect,
  compareKeys,
  granted,
  key,
  LONG_MS,
  onStore,
  rejects,
  type Subject,
  sleep,
} from './subject.js';

const OWNERS = ['node-1', 'node-2', 'nœud-3'];
const TYPES = ['a', 'ab', 'player', 'playe', 'ż', '\u{1f600}'];
const UUIDS = [
  '00000000-0000-4000-8000-000000000000',
  '9f1c2e04-7b7d-4c3e-9a53-0b1e6d2f8a11',
  'ffffffff-ffff-4fff-8fff-ffffffffffff',
];
/** Ids whose order by bytes differs from that by UTF-16 units, prefixes of one another, and UUIDs among them. */
const IDS = [
  '0',
  '9f1c2e04-7b7d-4c3e-9a53-0b1e6d2f8a1',
  '9f1c2e04-7b7d-4c3e-9a53-0b1e6d2f8a110',
  '9F1C2E04-7B7D-4C3E-9A53-0B1E6D2F8A11',
  'a',
  'aa',
  'a\u0001',
  'é',
  '\uffff',
  '\ue000',
  '\u{10000}',
  '\u{1f600}',
  'z',
  ...UUIDS,
];

export function readsConform(subject: Subject): void {
  onStore(subject, 'check holds for the live grant only', async (store) => {
    const first = await granted(store.acquire(key('a'), { owner: 'node-1', ttlMs: LONG_MS }));
    assert.is(await store.check(key('a'), first.token), true);
    const second = await granted(store.acquire(key('a'), { owner: 'node-1', ttlMs: LONG_MS }));
    assert.is(await store.check(key('a'), first.token), false);
    assert.is(await store.check(key('a'), second.token), true);
    assert.is(await store.check(key('b'), second.token), false);
    assert.is(await store.get(key('b')), undefined);
    assert.is(await store.get(key('a', 'playe')), undefined);
  });

  onStore(subject, 'ranges and counts of every shape equal those of a sorted list', async (store) => {
    const leases = await populate(store);
    const random = new Random(seed);
    const shapes: LeaseRange[] = [
      {},
      { reverse: true },
      { limit: 0 },
      { limit: 3 },
      ...TYPES.map((type) => ({ type })),
    ];
    for (let i = 0; i < 400; i++) shapes.push(randomRange(random));
    for (const range of shapes) {
      const expected = naive(leases, range);
      const found = await collect(store.range(range));
      assert.equal(
        found.map(({ key }) => key),
        expected.map(({ key }) => key),
        JSON.stringify(range),
      );
      assert.equal(found, expected, JSON.stringify(range));
      assert.is(await store.count(range), expected.length, `count of ${JSON.stringify(range)}`);
      assert.is(await store.count(range, { live: true }), expected.length, `live count of ${JSON.stringify(range)}`);
    }
    assert.is(await store.count(), leases.length);
    assert.equal(await collect(store.range()), leases);
  });

  onStore(subject, 'after pages through a range without a gap or an overlap', async (store) => {
    const leases = await populate(store);
    for (const base of [
      {},
      { owner: 'node-2' },
      { type: 'player' },
      { reverse: true },
      { owner: 'node-1', reverse: true },
    ]) {
      const expected = naive(leases, base);
      const paged: Lease[] = [];
      let after: ActorKey | undefined;
      for (;;) {
        const page = await collect(store.range({ ...base, limit: 7, ...(after === undefined ? {} : { after }) }));
        paged.push(...page);
        if (page.length < 7) break;
        after = page[page.length - 1].key;
      }
      assert.equal(paged, expected, JSON.stringify(base));
    }
  });

  onStore(subject, 'an owner range follows the lease to its next owner', async (store) => {
    const first = await granted(store.acquire(key('a'), { owner: 'node-1', ttlMs: LONG_MS }));
    await granted(store.acquire(key('a'), { owner: 'node-2', ttlMs: LONG_MS, previous: first.token }));
    assert.equal(await collect(store.range({ owner: 'node-1' })), []);
    assert.is((await collect(store.range({ owner: 'node-2' }))).length, 1);
    assert.is(await store.count({ owner: 'node-1' }), 0);
    assert.equal(await collect(store.range({ owner: 'node-' })), []);
  });

  onStore(subject, 'expired leases are not read, and stay in no count of live ones', async (store) => {
    const kept = await granted(store.acquire(key('kept'), { owner: 'node-1', ttlMs: LONG_MS }));
    await store.acquireMany(
      Array.from({ length: 40 }, (_, i) => ({ key: key(`gone-${i}`), owner: 'node-1', ttlMs: 40 })),
    );
    assert.is((await collect(store.range({ includeExpired: true }))).length, 41);
    await sleep(70);
    assert.equal(await collect(store.range()), [kept]);
    assert.equal(await collect(store.range({ owner: 'node-1', reverse: true })), [kept]);
    assert.is(await store.count({}, { live: true }), 1);
    assert.ok((await store.count()) >= 1);
    assert.ok((await collect(store.range({ includeExpired: true }))).length >= 1);
  });

  onStore(
    subject,
    'expired leases are swept without anyone asking for them',
    async (store) => {
      await granted(store.acquire(key('kept'), { owner: 'node-1', ttlMs: LONG_MS }));
      await store.acquireMany(
        Array.from({ length: 40 }, (_, i) => ({ key: key(`gone-${i}`), owner: 'node-1', ttlMs: 40 })),
      );
      for (let i = 0; i < 400 && (await store.count()) > 1; i++) await sleep(20);
      assert.is(await store.count(), 1);
      assert.is(await store.count({ owner: 'node-1' }), 1);
    },
    { sweepIntervalMs: 50 },
  );

  onStore(subject, 'breaking out of a range leaves the store as good as before', async (store) => {
    await populate(store);
    let seen = 0;
    for await (const lease of store.range()) {
      assert.ok((await store.renew(lease)).ok);
      if (++seen === 20) break;
    }
    assert.is(seen, 20);
    assert.is((await collect(store.range())).length, await store.count());
  });

  onStore(
    subject,
    'a range read while it is written to repeats nothing and misses nothing that stays',
    async (store) => {
      const leases = await populate(store);
      const seen: ActorKey[] = [];
      for await (const lease of store.range()) {
        seen.push(lease.key);
        if (seen.length % 5 === 0) await store.release(leases[leases.length - seen.length / 5]);
        else await store.renew(lease);
      }
      assert.equal(seen, [...seen].sort(compareKeys), 'in order');
      assert.is(new Set(seen.map((each) => `${each.type}\0${each.id}`)).size, seen.length, 'no key twice');
      const left = await collect(store.range());
      const keys = new Set(seen.map((each) => `${each.type}\0${each.id}`));
      for (const lease of left) assert.ok(keys.has(`${lease.key.type}\0${lease.key.id}`), 'no key missed');
    },
  );

  if (subject.supports.syncReads) syncReadsConform(subject);
  if (subject.supports.snapshots) snapshotsConform(subject);
}

function syncReadsConform(subject: Subject): void {
  onStore(subject, 'forEach visits in place what range copies', async (store) => {
    await populate(store);
    const expected = await collect(store.range({ type: 'player' }));
    const visited: Lease[] = [];
    const reads = store as unknown as LeaseReads<unknown>;
    const count = reads.forEach({ type: 'player' }, (view) => {
      const lease = view.toLease();
      assert.is(view.type, lease.key.type);
      assert.is(view.id, lease.key.id);
      assert.is(view.owner, lease.owner);
      assert.is(view.token, lease.token);
      assert.is(view.expiresAtMs, lease.expiresAtMs);
      assert.is(view.ttlMs, lease.ttlMs);
      assert.is(view.acquiredAtMs, lease.acquiredAtMs);
      assert.is(view.renewals, lease.renewals);
      assert.equal(view.value, lease.value);
      visited.push(lease);
    });
    assert.equal(visited, expected);
    assert.is(count, expected.length);
    let stopped = 0;
    assert.is(
      reads.forEach({}, () => ++stopped < 3),
      3,
    );
  });
}

function snapshotsConform(subject: Subject): void {
  for (const kind of ['snapshot', 'consistentSnapshot'] as const) {
    if (kind === 'consistentSnapshot' && !subject.supports.consistentSnapshots) continue;
    onStore(subject, `a ${kind} does not change`, async (store) => {
      const leases = await populate(store);
      const brief = await granted(store.acquire(key('brief', 'a'), { owner: 'node-1', ttlMs: 250 }));
      const expected = [...leases, brief].sort((a, b) => compareKeys(a.key, b.key));
      const snapshot = await store[kind]();
      assert.ok(snapshot.atMs < brief.expiresAtMs && snapshot.atMs > brief.expiresAtMs - 20_000);
      await store.renewMany(leases.slice(0, 10));
      for (const lease of leases.slice(10, 20)) await store.release(lease);
      await granted(store.acquire(key('new', 'a'), { owner: 'node-1', ttlMs: LONG_MS }));
      await sleep(280);
      assert.equal(await collect(snapshot.range()), expected, 'expiry is judged at the instant of the snapshot');
      assert.equal(await snapshot.get(brief.key), brief);
      assert.is(await snapshot.check(brief.key, brief.token), true);
      assert.is(await snapshot.count(), expected.length);
      assert.is(await snapshot.count({}, { live: true }), expected.length);
      assert.equal(
        await collect(snapshot.range({ owner: 'node-2', reverse: true })),
        naive(expected, { owner: 'node-2', reverse: true }),
      );
      assert.is(await snapshot.get(key('new', 'a')), undefined);
      assert.is(await store.get(brief.key), undefined);
      await snapshot.close();
      await rejects(() => snapshot.get(brief.key), 'ERR_HOLDFAST_CLOSED');
      await rejects(() => collect(snapshot.range()), 'ERR_HOLDFAST_CLOSED');
      await rejects(() => snapshot.count(), 'ERR_HOLDFAST_CLOSED');
      await snapshot.close();
      assert.is(await store.count({ type: 'a' }), await store.count({ type: 'a' }));
    });
  }
}

/** Every id under every type but a few, with owners and values spread over them; in key order. */
async function populate(store: AnyStore): Promise<Lease[]> {
  const requests = TYPES.flatMap((type, t) =>
    IDS.filter((_, i) => (i + t) % 7 !== 6).map((id, i) => ({
      key: { type, id },
      owner: OWNERS[(i + t) % OWNERS.length],
      ttlMs: LONG_MS + i,
      ...(i % 2 === 0 ? { value: { id } } : {}),
    })),
  );
  const leases = (await store.acquireMany(requests)).map((outcome) => (outcome as { lease: Lease }).lease);
  return leases.sort((a, b) => compareKeys(a.key, b.key));
}

function randomRange(random: Random): LeaseRange {
  const range: Record<string, unknown> = {};
  if (random.chance(0.5)) range.owner = random.pick([...OWNERS, 'nobody']);
  if (random.chance(0.6)) {
    range.type = random.pick([...TYPES, 'absent']);
    if (random.chance(0.5)) range[random.pick(['gt', 'gte'])] = random.pick([...IDS, 'b', '8']);
    if (random.chance(0.5)) range[random.pick(['lt', 'lte'])] = random.pick([...IDS, 'b', '8']);
  }
  if (random.chance(0.3)) range.after = { type: random.pick(TYPES), id: random.pick([...IDS, 'b']) };
  if (random.chance(0.4)) range.reverse = random.chance(0.8);
  if (random.chance(0.3)) range.limit = random.below(20);
  return range as LeaseRange;
}

/** What a range means, in the plainest way. */
function naive(leases: readonly Lease[], range: LeaseRange): Lease[] {
  const { type, owner, gt, gte, lt, lte, after, reverse, limit } = range;
  const id = (lease: Lease) => Buffer.from(lease.key.id);
  const compare = (lease: Lease, bound: string) => Buffer.compare(id(lease), Buffer.from(bound));
  let found = leases.filter(
    (lease) =>
      (type === undefined || lease.key.type === type) &&
      (owner === undefined || lease.owner === owner) &&
      (gt === undefined || compare(lease, gt) > 0) &&
      (gte === undefined || compare(lease, gte) >= 0) &&
      (lt === undefined || compare(lease, lt) < 0) &&
      (lte === undefined || compare(lease, lte) <= 0),
  );
  if (reverse === true) found.reverse();
  if (after !== undefined) {
    found = found.filter((lease) =>
      reverse === true ? compareKeys(lease.key, after) < 0 : compareKeys(lease.key, after) > 0,
    );
  }
  return found.slice(0, limit ?? found.length);
}
