import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Lease } from '../../src/lease.js';
import type { LeaseStore } from '../../src/lease-store.js';
import { collect, granted, key, LONG_MS, onStore, rejects, type Subject, sleep } from './subject.js';

const SHORT_MS = 60;
const owner = 'node-1';

export function writesConform(subject: Subject): void {
  onStore(subject, 'a grant tells all about the lease', async (store) => {
    const before = Date.now();
    const lease = await granted(store.acquire(key('a'), { owner, ttlMs: 5000, value: { level: 3 } }));
    assert.equal(lease.key, key('a'));
    assert.is(lease.owner, owner);
    assert.is(lease.ttlMs, 5000);
    assert.is(lease.renewals, 0);
    assert.equal(lease.value, { level: 3 });
    assert.ok(Number.isSafeInteger(lease.token) && lease.token > 0, 'a token is a positive safe integer');
    // Store time is the wall clock's at the opening, and goes on by another clock, which may run a little slower.
    assert.ok(lease.expiresAtMs > before + 4900 && lease.expiresAtMs < before + 20_000, 'the ttl counts from now');
    assert.ok(Math.abs(lease.acquiredAtMs - before) < 15_000, 'acquired now');
    assert.equal(await store.get(key('a')), lease);
  });

  onStore(subject, 'a live lease is held against others and granted afresh to its owner', async (store) => {
    const first = await granted(store.acquire(key('a'), { owner, ttlMs: LONG_MS }));
    assert.ok((await store.renew(first)).ok);
    const refused = await store.acquire(key('a'), { owner: 'node-2', ttlMs: LONG_MS });
    assert.equal(refused, { ok: false, reason: 'held', current: await store.get(key('a')) });
    const second = await granted(store.acquire(key('a'), { owner, ttlMs: LONG_MS }));
    assert.ok(second.token > first.token, 'a fresh grant has a higher token');
    assert.is(second.renewals, 0);
  });

  onStore(subject, 'an expired lease holds nobody up and cannot be renewed or released', async (store) => {
    const lease = await granted(store.acquire(key('a'), { owner, ttlMs: SHORT_MS, value: 1 }));
    await sleep(SHORT_MS + 30);
    assert.is(await store.get(key('a')), undefined);
    assert.is(await store.check(key('a'), lease.token), false);
    assert.equal(await collect(store.range()), []);
    const renewed = await store.renew(lease);
    const released = await store.release(lease);
    for (const result of [renewed, released]) {
      assert.ok(!result.ok && ['expired', 'unknown'].includes(result.reason), JSON.stringify(result));
    }
    const next = await granted(store.acquire(key('a'), { owner: 'node-2', ttlMs: LONG_MS }));
    assert.ok(next.token > lease.token);
    assert.is(next.value, undefined, 'nothing of the old lease is left');
    assert.equal(await store.renew(lease), { ok: false, reason: 'superseded' });
  });

  onStore(subject, 'previous: grants only over that live lease, or with 0 on a free key', async (store) => {
    const first = await granted(store.acquire(key('a'), { owner, ttlMs: LONG_MS, previous: 0 }));
    const again = await store.acquire(key('a'), { owner, ttlMs: LONG_MS, previous: 0 });
    assert.equal(again, { ok: false, reason: 'held', current: first });
    const taken = await granted(store.acquire(key('a'), { owner: 'node-2', ttlMs: LONG_MS, previous: first.token }));
    assert.is(taken.owner, 'node-2');
    assert.ok(taken.token > first.token);
    const late = await store.acquire(key('a'), { owner, ttlMs: LONG_MS, previous: first.token });
    assert.equal(late, { ok: false, reason: 'held', current: taken });
    assert.ok((await store.release(taken)).ok);
    const gone = await store.acquire(key('a'), { owner, ttlMs: LONG_MS, previous: taken.token });
    assert.equal(gone, { ok: false, reason: 'changed' });
  });

  onStore(subject, 'a renewal moves the deadline and keeps the rest, but for what it brings', async (store) => {
    const lease = await granted(store.acquire(key('a'), { owner, ttlMs: 10_000, value: 'v1' }));
    const first = await store.renew(lease);
    assert.ok(first.ok && first.expiresAtMs >= lease.expiresAtMs);
    const kept = (await store.get(key('a'))) as Lease;
    assert.equal(kept, { ...lease, expiresAtMs: first.ok ? first.expiresAtMs : 0, renewals: 1 });
    const second = await store.renew(lease, { ttlMs: 60_000, value: 'v2' });
    const changed = (await store.get(key('a'))) as Lease;
    assert.ok(second.ok && second.expiresAtMs >= lease.expiresAtMs + 49_000);
    assert.is(changed.ttlMs, 60_000);
    assert.is(changed.value, 'v2');
    assert.is(changed.renewals, 2);
    assert.is(changed.token, lease.token);
    const third = await store.renew(lease, { ttlMs: 20_000 });
    assert.ok(
      third.ok && second.ok && third.expiresAtMs < second.expiresAtMs,
      'a renewal may bring the deadline forward',
    );
  });

  onStore(subject, 'renew and release need the token of the stored grant', async (store) => {
    const first = await granted(store.acquire(key('a'), { owner, ttlMs: LONG_MS }));
    const second = await granted(store.acquire(key('a'), { owner, ttlMs: LONG_MS }));
    const superseded = { ok: false, reason: 'superseded' };
    const unknown = { ok: false, reason: 'unknown' };
    assert.equal(await store.renew(first), superseded);
    assert.equal(await store.release(first), superseded);
    assert.equal(await store.renew({ key: key('a'), token: second.token + 1 }), unknown);
    assert.equal(await store.release({ key: key('a'), token: second.token + 1 }), unknown);
    assert.equal(await store.renew({ key: key('b'), token: second.token }), unknown);
    assert.equal(await store.release(second), { ok: true });
    assert.equal(await store.release(second), unknown);
    assert.equal(await store.renew(second), unknown);
    assert.is(await store.get(key('a')), undefined);
    const third = await granted(store.acquire(key('a'), { owner: 'node-2', ttlMs: LONG_MS }));
    assert.ok(third.token > second.token, 'tokens rise across a release');
  });

  onStore(subject, 'of many that want one key in one turn, one gets it', async (store) => {
    const owners = Array.from({ length: 20 }, (_, i) => `node-${i}`);
    const outcomes = await Promise.all(owners.map((each) => store.acquire(key('a'), { owner: each, ttlMs: LONG_MS })));
    assert.is(outcomes.filter(({ ok }) => ok).length, 1);
    const winner = (await store.get(key('a'))) as Lease;
    for (const outcome of outcomes)
      if (!outcome.ok) assert.equal(outcome, { ok: false, reason: 'held', current: winner });
  });

  onStore(subject, 'batches answer in order, and later entries see earlier ones', async (store) => {
    const outcomes = await store.acquireMany([
      { key: key('a'), owner, ttlMs: LONG_MS, value: 'x' },
      { key: key('a'), owner: 'node-2', ttlMs: LONG_MS },
      { key: key('b'), owner: 'node-2', ttlMs: LONG_MS },
      { key: key('a'), owner, ttlMs: LONG_MS },
    ]);
    assert.equal(
      outcomes.map((outcome) => (outcome.ok ? outcome.lease.owner : outcome.reason)),
      [owner, 'held', 'node-2', owner],
    );
    const [a, b] = [(await store.get(key('a'))) as Lease, (await store.get(key('b'))) as Lease];
    assert.is(a.value, undefined, 'the last grant brought no value');
    const renewed = await store.renewMany([
      { key: key('b'), token: b.token, ttlMs: 2 * LONG_MS },
      { key: key('c'), token: 1 },
      { key: key('a'), token: a.token - 1 },
      { key: key('a'), token: a.token },
    ]);
    assert.equal(
      renewed.map((outcome) => (outcome.ok ? 'ok' : outcome.reason)),
      ['ok', 'unknown', 'superseded', 'ok'],
    );
    assert.is(((await store.get(key('b'))) as Lease).ttlMs, 2 * LONG_MS);
    assert.equal(await store.acquireMany([]), []);
    assert.equal(await store.renewMany([]), []);
  });

  onStore(subject, 'a large batch is carried out whole', async (store) => {
    const ids = Array.from({ length: 3000 }, (_, i) => String(i).padStart(5, '0'));
    const outcomes = await store.acquireMany(ids.map((id) => ({ key: key(id), owner, ttlMs: LONG_MS, value: id })));
    const leases = outcomes.map((outcome) => (outcome as { lease: Lease }).lease);
    assert.equal(await collect(store.range()), leases);
    const renewed = await store.renewMany(leases);
    assert.is(renewed.filter(({ ok }) => ok).length, ids.length);
  });

  onStore(subject, 'releaseOwner releases all that one owner holds and nothing else', async (store) => {
    const mine = Array.from({ length: 1500 }, (_, i) => ({
      key: key(`m${i}`, `type-${i % 3}`),
      owner,
      ttlMs: LONG_MS,
    }));
    await store.acquireMany(mine);
    const other = await granted(store.acquire(key('other'), { owner: 'node-10', ttlMs: LONG_MS }));
    assert.equal(await store.releaseOwner(owner), { released: 1500 });
    assert.equal(await collect(store.range()), [other]);
    assert.equal(await store.releaseOwner(owner), { released: 0 });
    assert.equal(await store.releaseOwner('nobody'), { released: 0 });
  });

  importConforms(subject);
  durabilityConforms(subject);
}

function importConforms(subject: Subject): void {
  const imported = (id: string, token: number): Lease => ({
    key: key(id),
    owner: 'elsewhere',
    token,
    expiresAtMs: Date.now() + LONG_MS,
    ttlMs: LONG_MS,
    acquiredAtMs: Math.floor(token / 1000),
    renewals: 7,
    value: { from: 'elsewhere' },
  });

  onStore(subject, 'import keeps owners, deadlines, tokens, renewals and values', async (store) => {
    const leases = Array.from({ length: 1300 }, (_, i) => imported(`i${String(i).padStart(4, '0')}`, 1000 + i));
    assert.equal(await store.import(leases), { imported: leases.length });
    assert.equal(await collect(store.range()), leases);
    async function* stream() {
      yield* [imported('j', 5), imported('k', 6)];
    }
    assert.equal(await store.import(stream()), { imported: 2 });
    assert.is((await store.get(key('j')))?.token, 5);
  });

  onStore(subject, 'import lowers no token, and later grants are above what it brought', async (store) => {
    const held = await granted(store.acquire(key('a'), { owner, ttlMs: LONG_MS }));
    assert.equal(await store.import([{ ...imported('a', held.token), renewals: 0 }, imported('a', held.token - 1)]), {
      imported: 0,
    });
    assert.equal(await store.get(key('a')), held);
    const renewed = { ...held, renewals: 2, expiresAtMs: held.expiresAtMs + 5 };
    assert.equal(await store.import([renewed, { ...renewed, renewals: 1 }]), { imported: 1 });
    assert.equal(await store.get(key('a')), renewed, 'of one grant the state with more renewals counts');
    const high = held.token + 1_000_000_000_000;
    assert.equal(await store.import([imported('a', high)]), { imported: 1 });
    assert.equal(await store.renew(held), { ok: false, reason: 'superseded' });
    const taken = await granted(store.acquire(key('a'), { owner, ttlMs: LONG_MS, previous: high }));
    assert.ok(taken.token > high);
  });

  onStore(
    subject,
    'a lease was acquired no later than it was granted or renewed, however far tokens are ahead',
    async (store) => {
      const ahead = (Date.now() + LONG_MS) * 1000;
      assert.equal(await store.import([imported('a', ahead)]), { imported: 1 });
      const seen = async (lease: Lease): Promise<void> => {
        assert.is(lease.acquiredAtMs, lease.expiresAtMs - lease.ttlMs);
        const [found] = await collect(store.range({ gte: lease.key.id, type: lease.key.type, limit: 1 }));
        assert.equal([await store.get(lease.key), found], [lease, lease]);
      };
      await seen((await store.get(key('a'))) as Lease);
      // The same shard's tokens go on from there, whichever that is.
      for (let i = 0; i < 20; i++) await store.import([imported(`x${i}`, ahead)]);
      const lease = await granted(store.acquire(key('a'), { owner: 'elsewhere', ttlMs: LONG_MS }));
      assert.ok(lease.token > ahead);
      await seen(lease);
      const refused = await store.acquire(key('a'), { owner: 'other', ttlMs: LONG_MS });
      assert.ok(!refused.ok && refused.reason === 'held');
      if (!refused.ok && refused.reason === 'held') await seen(refused.current);
      if (!store.supports.syncReads) return;
      let visited = 0;
      (store as LeaseStore<unknown>).forEach({}, (view) => {
        visited++;
        assert.is(view.acquiredAtMs, view.expiresAtMs - view.ttlMs);
      });
      assert.is(visited, 21);
    },
  );

  onStore(subject, 'a bad lease ends an import with an error that names it', async (store) => {
    const bad = { ...imported('b', 9), ttlMs: 0 };
    await rejects(() => store.import([bad]), 'ERR_HOLDFAST_INVALID_ARGUMENT', /leases\[0\]\.ttlMs/);
    await rejects(() => store.import({} as never), 'ERR_HOLDFAST_INVALID_ARGUMENT', /iterable/);
    assert.is(await store.count(), 0);
  });
}

function durabilityConforms(subject: Subject): void {
  if (subject.supports.synced) {
    onStore(subject, 'every call takes durability synced', async (store) => {
      const synced = { durability: 'synced' } as const;
      const lease = await granted(store.acquire(key('a'), { owner, ttlMs: LONG_MS, ...synced }));
      assert.ok((await store.renew(lease, synced)).ok);
      assert.ok((await store.release(lease, synced)).ok);
      assert.ok((await store.acquireMany([{ key: key('b'), owner, ttlMs: LONG_MS }], synced))[0].ok);
      const renewed = await store.renewMany([(await store.get(key('b'))) as Lease], synced);
      assert.ok(renewed[0].ok);
      await store.flush();
    });
    onStore(
      subject,
      'a synced store works as another',
      async (store) => {
        const lease = await granted(store.acquire(key('a'), { owner, ttlMs: LONG_MS }));
        assert.ok((await store.renew(lease, { durability: 'written' })).ok);
        assert.ok((await store.release(lease)).ok);
      },
      { durability: 'synced' },
    );
    return;
  }
  test(`${subject.name}: durability synced is refused, not imitated`, async () => {
    await rejects(
      () => subject.open({ engine: subject.name, durability: 'synced' }),
      'ERR_HOLDFAST_ENGINE_UNAVAILABLE',
    );
  });
  onStore(subject, 'a call that asks for synced is refused', async (store) => {
    const call = () => store.acquire(key('a'), { owner, ttlMs: LONG_MS, durability: 'synced' });
    await rejects(call, 'ERR_HOLDFAST_ENGINE_UNAVAILABLE', /synced/);
    assert.is(await store.get(key('a')), undefined);
  });
}
