import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openAppendLog } from '../src/engines/append-log/open.js';
import { openLsm } from '../src/engines/lsm.js';
import { openMemory } from '../src/engines/memory.js';
import type { Lease } from '../src/lease.js';
import type { AsyncLeaseStore } from '../src/lease-store.js';
import { resolveOptions } from '../src/options.js';
import { type ShadowOptions, ShadowStore } from '../src/shadow.js';
import { conformance } from './conformance/conformance.js';
import { collect, granted, LONG_MS, newDirectory, rejects, sleep } from './conformance/subject.js';
import { seed } from './support/env.js';
import { Random } from './support/tree-random.js';

type Store = AsyncLeaseStore<unknown>;

const memory = (): Store => openMemory<unknown>(resolveOptions({ engine: 'memory' }));
const key = (i: number) => ({ type: `type-${i % 3}`, id: `actor-${i}` });
const owner = 'node-1';

/** A store whose calls can be made to fail or to hang. */
function faulty(store: Store): Store & { mode: 'works' | 'fails' | 'hangs' } {
  const state = { mode: 'works' };
  return new Proxy(store, {
    get(target, name) {
      if (name === 'mode') return state.mode;
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (name !== 'close' && name !== 'metrics') {
          if (state.mode === 'fails') throw new Error('the secondary is down');
          if (state.mode === 'hangs') return new Promise(() => {});
        }
        return value.apply(target, args);
      };
    },
    set(_, name, value) {
      assert.is(name, 'mode');
      state.mode = value;
      return true;
    },
  }) as Store & { mode: 'works' | 'fails' | 'hangs' };
}

async function withShadow(
  options: ShadowOptions,
  body: (store: ShadowStore<unknown>, primary: Store, secondary: ReturnType<typeof faulty>) => Promise<void>,
): Promise<void> {
  const [primary, secondary] = [memory(), faulty(memory())];
  const store = new ShadowStore<unknown>(primary, secondary, options);
  try {
    await body(store, primary, secondary);
  } finally {
    await store.close();
  }
}

test('what is written to the primary arrives in the secondary as it is', async () => {
  await withShadow({}, async (store, primary, secondary) => {
    await store.acquireMany(
      Array.from({ length: 1000 }, (_, i) => ({ key: key(i), owner, ttlMs: LONG_MS, value: { i } })),
    );
    const leases = await collect(store.range());
    await store.renewMany(leases.slice(0, 300));
    for (const lease of leases.slice(300, 400)) await store.release(lease);
    for (const lease of leases.slice(400, 420)) await granted(store.acquire(lease.key, { owner, ttlMs: LONG_MS }));
    await store.caughtUp();
    assert.equal(await collect(secondary.range()), await collect(primary.range()));
    assert.equal(await store.releaseOwner(owner), { released: 900 });
    await store.caughtUp();
    assert.is(await secondary.count(), 0);
    assert.is(store.metrics().mirror.pending, 0);
  });
});

test('a secondary that fails or hangs costs the primary nothing, and catches up later', async () => {
  await withShadow({ sample: 1 }, async (store, primary, secondary) => {
    for (const mode of ['fails', 'hangs'] as const) {
      secondary.mode = mode;
      const startedMs = performance.now();
      for (let i = 0; i < 200; i++) {
        const lease = await granted(store.acquire(key(i), { owner, ttlMs: LONG_MS }));
        assert.equal(await store.get(key(i)), lease);
      }
      assert.ok(performance.now() - startedMs < 3000);
      await sleep(30);
      if (mode === 'fails') {
        assert.ok(store.metrics().mirror.failures > 0);
        assert.match(store.metrics().mirror.lastFailure ?? '', /down/);
        await rejectsAny(() => store.moveTo(50));
        assert.is(store.moved, 0);
        secondary.mode = 'works';
        await store.caughtUp();
        assert.equal(await collect(secondary.range()), await collect(primary.range()));
      }
    }
    assert.is(store.metrics().divergences, 0, 'what cannot be read diverges from nothing');
  });
});

test('more changes than the mirror holds are dropped, and found again by a move', async () => {
  await withShadow({ mirrorPendingMax: 10 }, async (store, primary, secondary) => {
    secondary.mode = 'fails';
    await store.acquireMany(Array.from({ length: 500 }, (_, i) => ({ key: key(i), owner, ttlMs: LONG_MS })));
    await sleep(10);
    assert.ok(store.metrics().mirror.dropped > 0);
    secondary.mode = 'works';
    await store.moveTo(100);
    assert.equal(await collect(secondary.range()), await collect(primary.range()));
    assert.is(await store.count(), 500);
  });
});

test('divergences are counted, with examples', async () => {
  await withShadow({ sample: 1 }, async (store, _, secondary) => {
    for (let i = 0; i < 50; i++) await granted(store.acquire(key(i), { owner, ttlMs: LONG_MS }));
    await store.caughtUp();
    for (let i = 0; i < 50; i++) await store.get(key(i));
    await sleep(20);
    assert.is(store.metrics().divergences, 0);
    assert.ok(store.metrics().compared >= 50);
    // Behind the back of the shadow.
    assert.ok((await secondary.release((await secondary.get(key(7))) as Lease)).ok);
    assert.ok((await secondary.renew((await secondary.get(key(8))) as Lease)).ok);
    for (let i = 0; i < 50; i++) await store.get(key(i));
    await sleep(20);
    const { divergences, examples } = store.metrics();
    assert.is(divergences, 2);
    assert.equal(
      examples.map((each) => each.key),
      [key(7), key(8)],
    );
    assert.is(examples[0].copy, undefined);
  });
});

test('a sample of 0 compares nothing, and of 0.5 about half', async () => {
  const random = new Random(seed);
  await withShadow({ sample: 0.5, random: () => random.u32() / 2 ** 32 }, async (store) => {
    for (let i = 0; i < 400; i++) await store.get(key(i));
    await sleep(20);
    const { compared, skipped } = store.metrics();
    assert.ok(compared + skipped > 120 && compared + skipped < 280, `${compared} and ${skipped}`);
  });
  await withShadow({ sample: 0 }, async (store) => {
    for (let i = 0; i < 400; i++) await store.get(key(i));
    assert.is(store.metrics().compared + store.metrics().skipped, 0);
  });
});

test('traffic moves over and back while it goes on, and no lease is lost or granted twice', async () => {
  const primary = await openLsm<unknown>(resolveOptions({ engine: 'lsm', directory: newDirectory() }));
  const secondary = await openAppendLog<unknown>(resolveOptions({ engine: 'append-log', directory: newDirectory() }));
  const store = new ShadowStore<unknown>(primary, secondary, { sample: 0.2 });
  const KEYS = 300;
  const held = new Map<number, Lease>();
  const tokens = new Map<number, number>();
  let stop = false;
  const work = async (from: number): Promise<void> => {
    const random = new Random(seed + from);
    while (!stop) {
      const i = from + 10 * random.below(KEYS / 10);
      const lease = held.get(i);
      if (lease === undefined) {
        const fresh = await granted(store.acquire(key(i), { owner, ttlMs: LONG_MS, value: i }));
        assert.ok(fresh.token > (tokens.get(i) ?? 0), `token of ${i} rises`);
        tokens.set(i, fresh.token);
        held.set(i, fresh);
      } else if (random.chance(0.7)) {
        assert.equal((await store.renew(lease)).ok, true, `a held lease renews`);
        assert.not.ok((await store.acquire(key(i), { owner: 'thief', ttlMs: LONG_MS })).ok, 'nobody else gets it');
      } else {
        assert.equal(await store.release(lease), { ok: true });
        held.delete(i);
      }
      const found = await store.get(key(i));
      assert.is(found?.token, held.get(i)?.token);
    }
  };
  const workers = Promise.all(Array.from({ length: 10 }, (_, i) => work(i)));
  const walk = async (): Promise<void> => {
    for (const percent of [1, 25, 60, 100, 40, 0, 100]) {
      await store.moveTo(percent);
      assert.is(store.moved, percent);
      await sleep(50);
    }
  };
  await Promise.race([walk(), workers]);
  stop = true;
  await workers;
  await store.caughtUp();
  const expected = [...held.values()].map(({ key, token }) => `${key.type} ${key.id} ${token}`).sort();
  const stored = async (from: Store) =>
    (await collect(from.range())).map(({ key, token }) => `${key.type} ${key.id} ${token}`).sort();
  assert.equal(await stored(store), expected);
  assert.equal(await stored(primary), expected);
  assert.equal(await stored(secondary), expected);
  assert.is(store.metrics().divergences, 0, JSON.stringify(store.metrics().examples));
  await store.close();
});

test('grants after a move are above every token before it, also of keys that were free then', async () => {
  await withShadow({}, async (store) => {
    const lease = await granted(store.acquire(key(1), { owner, ttlMs: LONG_MS }));
    const far = { ...lease, token: lease.token + 10 ** 12 };
    await store.import([far]);
    assert.ok((await store.release(far)).ok);
    await store.caughtUp();
    await store.moveTo(100);
    const next = await granted(store.acquire(key(1), { owner, ttlMs: LONG_MS }));
    assert.ok(next.token > far.token);
    assert.equal(await store.get(key(1)), next);
    assert.ok((await store.renew(next)).ok);
  });
});

test('bad options and moves are refused', async () => {
  const [a, b] = [memory(), memory()];
  await rejects(() => new ShadowStore(a, a), 'ERR_HOLDFAST_INVALID_ARGUMENT');
  for (const bad of [{ sample: 2 }, { moved: -1 }, { mirrorPendingMax: 0 }, { random: 1 }, { rate: 1 }, null]) {
    await rejects(() => new ShadowStore(a, b, bad as never), 'ERR_HOLDFAST_INVALID_ARGUMENT');
  }
  const store = new ShadowStore(a, b, { moved: 50 });
  await rejects(() => store.moveTo(101), 'ERR_HOLDFAST_INVALID_ARGUMENT');
  await rejects(() => store.snapshot(), 'ERR_HOLDFAST_ENGINE_UNAVAILABLE', /50 %/);
  await store.close();
});

async function rejectsAny(call: () => Promise<unknown>): Promise<void> {
  let threw = false;
  await call().catch(() => {
    threw = true;
  });
  assert.ok(threw);
}

for (const moved of [0, 37]) {
  conformance(
    'memory',
    async (options) => {
      const resolved = resolveOptions(options);
      return new ShadowStore<unknown>(openMemory(resolved), openMemory(resolved), { moved, sample: 0.1 });
    },
    {
      persistence: false,
      synced: false,
      syncReads: false,
      snapshots: moved === 0,
      consistentSnapshots: moved === 0,
      backup: false,
      attach: false,
    },
  );
}

test.run();
