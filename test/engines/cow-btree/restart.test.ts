import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CowBtreeStore, type Grant, LeaseStoreError, openStore } from '../../../src/index.js';
import { damageLeases } from '../../support/damage.js';
import { long, scaled, seed, temporaryDirectory } from '../../support/env.js';
import { Random } from '../../support/tree-random.js';

const TTL_MS = 3_600_000;

/** Every thread that this process starts, in order: a store's shards come first, though not each in its own place. */
const threads: Worker[] = [];
process.on('worker', (worker) => threads.push(worker));

async function opened(shards: number): Promise<{
  store: CowBtreeStore<unknown>;
  directory: string;
  /** Ends the thread of a shard wherever it is; resolves when the next one has been started. */
  kill: (shard: number) => Promise<void>;
  /** The threads of its shards, in no order. */
  current: readonly Worker[];
}> {
  const from = threads.length;
  const directory = temporaryDirectory();
  const store = await openStore({ directory, shards, memoryBytesMax: 512 * 1024 * 1024, onRestart: 'keep-deadlines' });
  // Each is told of a little after it was started; one is beside the shards, and another comes with the first checkpoint.
  await until(() => threads.length === from + shards + 1);
  const current = threads.slice(from, from + shards);
  const kill = async (shard: number) => {
    const before = threads.length;
    await current[shard].terminate();
    while (threads.length === before) await sleep(1);
    current[shard] = threads[before];
  };
  return { store, directory, kill, current };
}

/** Whether damage was found in its memory. */
function isFenced(store: CowBtreeStore<unknown>): boolean {
  try {
    store.count();
    return false;
  } catch (error) {
    return (error as LeaseStoreError).code === 'ERR_HOLDFAST_CORRUPT';
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 20_000) throw new Error('it never came to be');
    await sleep(1);
  }
}

function restarts(store: CowBtreeStore<unknown>): number {
  return store.metrics().shards.reduce((sum, shard) => sum + shard.restarts, 0);
}

test('shard threads that are killed under load are replaced; nothing acknowledged is lost, and readers go on', async () => {
  const random = new Random(seed);
  const { store, directory, kill } = await opened(1);
  const held = new Map<string, { grant: Grant; expiresAtMs: number; sure: boolean }>();
  let stop = false;
  let acknowledged = 0;
  let unknown = 0;
  const client = async (client: number): Promise<void> => {
    for (let i = 0; !stop; i++) {
      const id = `${client}-${i % 50}`;
      const key = { type: 'chat', id };
      const before = held.get(id);
      try {
        if (before === undefined || !before.sure) {
          const acquired = await store.acquire(key, { owner: `node-${client}`, ttlMs: TTL_MS });
          if (!acquired.ok) throw new Error(`nobody else acquires ${id}`);
          const { token, expiresAtMs } = acquired.lease;
          if (before !== undefined) assert.ok(token > before.grant.token, 'tokens rise');
          held.set(id, { grant: { key, token }, expiresAtMs, sure: true });
        } else {
          const renewed = await store.renew(before.grant);
          if (!renewed.ok) throw new Error(`${id} was ${renewed.reason}`);
          held.set(id, { ...before, expiresAtMs: renewed.expiresAtMs });
        }
        acknowledged++;
      } catch (error) {
        if (!(error instanceof LeaseStoreError) || error.code !== 'ERR_HOLDFAST_SHARD_RESTARTED') throw error;
        assert.is(error.outcome, 'unknown');
        unknown++;
        if (before !== undefined) held.set(id, { ...before, sure: false });
      }
    }
  };
  const clients = Array.from({ length: 16 }, (_, i) => client(i));
  await until(() => acknowledged > 2000);
  const snapshot = store.snapshot({ maxAgeMs: 600_000 });
  const seen = [...snapshot.range()];
  const rounds = scaled(5, 12);
  for (let round = 0; round < rounds; round++) {
    await sleep(random.below(30));
    const done = acknowledged;
    const before = restarts(store);
    await kill0(kill, () => store.count());
    await until(() => restarts(store) > before && acknowledged > done + 200);
    assert.equal([...snapshot.range()], seen, 'the snapshot is as it was');
  }
  stop = true;
  await Promise.all(clients);
  assert.ok(unknown > 0);
  const check = (opened: CowBtreeStore<unknown>) => {
    for (const { grant, expiresAtMs, sure } of held.values()) {
      const lease = opened.get(grant.key);
      assert.ok(lease !== undefined);
      if (sure) assert.is(lease.token, grant.token);
      else assert.ok(lease.token >= grant.token);
      assert.ok(lease.expiresAtMs >= expiresAtMs);
    }
  };
  check(store);
  snapshot.close();
  await store.close();
  const again = await openStore({ directory, memoryBytesMax: 512 * 1024 * 1024, onRestart: 'keep-deadlines' });
  check(again);
  await again.close();
});

/** Kills the thread of shard 0 while this thread reads. */
async function kill0(kill: (shard: number) => Promise<void>, read: () => number): Promise<void> {
  let killed = false;
  const killing = (async () => {
    await kill(0);
    killed = true;
  })();
  while (!killed) {
    assert.ok(read() > 0);
    await sleep(0);
  }
  await killing;
}

test('one shard that dies leaves the others alone', async () => {
  const { store, kill } = await opened(2);
  const keys = Array.from({ length: 200 }, (_, i) => ({ type: 'chat', id: `${i}` }));
  for (const key of keys) await store.acquire(key, { owner: 'node-1', ttlMs: TTL_MS });
  await kill(1);
  const results = await Promise.all(keys.map((key) => store.acquire(key, { owner: 'node-1', ttlMs: TTL_MS })));
  assert.ok(
    results.every(({ ok }) => ok),
    'calls that were made while it was down waited for the new thread',
  );
  await until(() => restarts(store) === 1);
  assert.ok(store.health().ok);
  assert.equal(
    store
      .metrics()
      .shards.map((shard) => shard.restarts)
      .sort(),
    [0, 1],
  );
  await store.close();
});

test('a call to a shard whose thread is dying or dead is answered, or fails as unknown', async () => {
  const { store, kill } = await opened(1);
  const outcomes = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const before = restarts(store);
    const killing = kill(0);
    const calls: Promise<unknown>[] = [];
    for (let i = 0; restarts(store) === before; i++) {
      const call = store.acquire({ type: 'chat', id: `${round}-${i}` }, { owner: 'node-1', ttlMs: TTL_MS });
      calls.push(
        call.then(
          ({ ok }) => outcomes.add(`${ok}`),
          ({ code, outcome }: LeaseStoreError) => outcomes.add(`${code} ${outcome}`),
        ),
      );
      await sleep(1);
    }
    await killing;
    await Promise.all(calls);
  }
  assert.ok(outcomes.delete('true'));
  outcomes.delete('ERR_HOLDFAST_SHARD_RESTARTED unknown');
  assert.is(outcomes.size, 0, [...outcomes].join());
  await store.close();
});

test('a consistent snapshot that meets the death of a thread is tried again', async () => {
  const { store, kill } = await opened(2);
  await store.acquire({ type: 'chat', id: '1' }, { owner: 'node-1', ttlMs: TTL_MS });
  for (let round = 0; round < 4; round++) {
    const before = restarts(store);
    const killing = kill(round % 2);
    do {
      const snapshot = await store.consistentSnapshot();
      assert.is(snapshot.count(), 1);
      snapshot.close();
    } while (restarts(store) === before);
    await killing;
  }
  await store.close();
});

test('a store closes while a shard is being replaced', async () => {
  const { store, directory, current } = await opened(1);
  const key = { type: 'chat', id: '1' };
  const acquired = await store.acquire(key, { owner: 'node-1', ttlMs: TTL_MS });
  assert.ok(acquired.ok);
  const [thread] = current;
  assert.ok(thread.threadId >= 0, 'it runs');
  void thread.terminate();
  await store.close();
  const again = await openStore({ directory, onRestart: 'keep-deadlines' });
  assert.is(again.get(key)?.token, acquired.lease.token);
  await again.close();
});

test('memory that a dead thread left damaged is fenced off; the disk has it all', async () => {
  const { store, directory, kill } = await opened(1);
  const key = { type: 'chat', id: '1' };
  const acquired = await store.acquire(key, { owner: 'node-1', ttlMs: TTL_MS });
  assert.ok(acquired.ok);
  const snapshot = store.snapshot();
  damageLeases(store);
  await kill(0);
  await until(() => !store.health().ok);
  assert.equal(store.health().shards[0].degraded, ['down', 'damaged']);
  const isCorrupt = (error: LeaseStoreError) =>
    error.code === 'ERR_HOLDFAST_CORRUPT' && /open it again/.test(error.message);
  assert.throws(() => store.get(key), isCorrupt);
  assert.throws(
    () => snapshot.get(key),
    (error: LeaseStoreError) => error.code === 'ERR_HOLDFAST_CLOSED',
  );
  const failure = await store.renew({ key, token: acquired.lease.token }).catch((error) => error);
  assert.ok(isCorrupt(failure));
  await store.close();
  const again = await openStore({ directory, onRestart: 'keep-deadlines' });
  assert.is(again.get(key)?.token, acquired.lease.token);
  await again.close();
});

test('damage found in one shard stops writes on all of them', async () => {
  const { store, directory, kill } = await opened(2);
  const keys = Array.from({ length: 40 }, (_, i) => ({ type: 'chat', id: `${i}` }));
  for (const key of keys) await store.acquire(key, { owner: 'node-1', ttlMs: TTL_MS });
  await store.flush();
  // Whichever the thread is of.
  damageLeases(store);
  await kill(0);
  await until(() => isFenced(store));
  const calls = keys.map((key) => store.acquire(key, { owner: 'node-2', ttlMs: TTL_MS }).catch(({ code }) => code));
  const answers = new Set(await Promise.all(calls));
  await store.close();
  assert.equal([...answers], ['ERR_HOLDFAST_CORRUPT']);
  const again = await openStore({ directory, onRestart: 'keep-deadlines' });
  assert.ok(keys.every((key) => again.get(key)?.owner === 'node-1'));
  await again.close();
});

test('how long a shard is down', async () => {
  const leases = long ? 1_000_000 : 20_000;
  const { store, kill } = await opened(1);
  for (let from = 0; from < leases; from += 4000) {
    await store.acquireMany(
      Array.from({ length: 4000 }, (_, i) => ({
        key: { type: `type-${i % 20}`, id: `${from + i}` },
        owner: `node-${i % 5}`,
        ttlMs: TTL_MS,
      })),
    );
  }
  const started = performance.now();
  await kill(0);
  await store.acquire({ type: 'one', id: 'more' }, { owner: 'node-1', ttlMs: TTL_MS });
  console.log(`  a thread over ${leases} leases was replaced in ${(performance.now() - started).toFixed(0)} ms`);
  assert.is(store.count(), leases + 1);
  await store.close();
});

test.run();
