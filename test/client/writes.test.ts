import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HEALTH_SYNC_FAILED } from '../../native-layout/shard-control.js';
import { Dispatcher } from '../../src/client/dispatcher.js';
import { Router } from '../../src/client/router.js';
import { Writes } from '../../src/client/writes.js';
import { LeaseStoreError } from '../../src/errors.js';
import type { Lease } from '../../src/lease.js';
import { ClientBell } from '../../src/mailbox/client-bell.js';
import { valueCodec } from '../../src/value-codec.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, ShardDriver } from '../support/shard-driver.js';

const TTL_MS = 3_600_000;

/** Two real shards in this thread, and the calling side of a store over them. */
function twoShards() {
  const clock = new HandClock();
  const shards = [0, 1].map(() =>
    ShardDriver.open({ files: new FaultFileSystem(), clock, ringBytes: 1 << 20, memoryBytes: 1 << 25 }),
  );
  const bell = new ClientBell(shards[0].config.clientBell);
  const dispatcher = new Dispatcher(
    shards.map(({ mailbox }) => mailbox),
    bell,
    { monotonicMs: () => clock.monotonicMs(), wallMs: () => clock.wallMs() },
    65_536,
    false,
  );
  const writes = new Writes<string>(dispatcher, new Router([1, 2, 3, 4], 2), valueCodec('utf8'));
  /** Lets the shards work until the call is answered. */
  async function settled<T>(call: Promise<T>): Promise<T> {
    let over = false;
    const watched = call.finally(() => {
      over = true;
    });
    watched.catch(() => {});
    while (!over) {
      for (const { shard } of shards) while (shard.step());
      await nextTurn();
    }
    return watched;
  }
  const failure = (call: Promise<unknown>): Promise<LeaseStoreError> =>
    settled(call).then(
      () => assert.unreachable('it did not fail') as never,
      (error) => error as LeaseStoreError,
    );
  const take = (owner: string, from: number, to: number) =>
    settled(
      writes.acquireMany(
        Array.from({ length: to - from }, (_, i) => ({
          key: { type: 'a', id: `k${from + i}` },
          owner,
          ttlMs: TTL_MS,
        })),
      ),
    );
  return { shards, dispatcher, writes, clock, settled, failure, take };
}

test('a releaseOwner that one shard refuses is not called unapplied if another has released', async () => {
  const { shards, writes, failure, take } = twoShards();
  await take('node-1', 0, 40);
  shards[1].control.raise(HEALTH_SYNC_FAILED);
  const error = await failure(writes.releaseOwner('node-1'));
  assert.is(error.code, 'ERR_HOLDFAST_READ_ONLY');
  assert.is(error.outcome, 'unknown');
  assert.match(error.message, /; \d+ leases had been changed/);
  assert.is(shards[0].leases().size, 0);
  assert.ok(shards[1].leases().size > 0);
  const nothing = await failure(writes.releaseOwner('node-1'));
  assert.is(nothing.outcome, 'not-applied', 'this time nothing was changed');
});

test('a batch that a close cuts off keeps the results of what was sent before', async () => {
  const { shards, dispatcher, writes, settled } = twoShards();
  const size = 10_000;
  const call = writes.acquireMany(
    Array.from({ length: size }, (_, i) => ({ key: { type: 'a', id: `k${i}` }, owner: 'n', ttlMs: TTL_MS })),
  );
  dispatcher.close();
  const results = await settled(call);
  assert.is(results.length, size);
  const stored = shards.reduce((sum, shard) => sum + shard.leases().size, 0);
  assert.is(results.filter(({ ok }) => ok).length, stored);
  assert.ok(stored > 0);
  for (const result of results.slice(stored)) {
    assert.ok(!result.ok && result.reason === 'failed');
    const { code, outcome } = result.error as LeaseStoreError;
    assert.equal([code, outcome], ['ERR_HOLDFAST_CLOSED', 'not-applied']);
  }
});

test('a batch of two pieces is sent before the call returns, and nothing called later overtakes it', async () => {
  const { shards, writes, settled } = twoShards();
  const size = 8192;
  const key = (i: number) => ({ type: 'a', id: `k${i}` });
  const requests = Array.from({ length: size }, (_, i) => ({ key: key(i), owner: 'n', ttlMs: TTL_MS }));
  const [acquired, released] = await settled(Promise.all([writes.acquireMany(requests), writes.releaseOwner('n')]));
  assert.ok(acquired.every(({ ok }) => ok));
  assert.equal(released, { released: size });
  assert.is(shards[0].leases().size + shards[1].leases().size, 0);
});

test('each result of a batch of any size stands where its request stood', async () => {
  const { writes, clock, settled } = twoShards();
  const size = 10_000;
  const keyOf = (i: number) => ({ type: `t${i % 7}`, id: `${((i * 7919) % size).toString(16)}-${i}` });
  const acquired = await settled(
    writes.acquireMany(Array.from({ length: size }, (_, i) => ({ key: keyOf(i), owner: 'n', ttlMs: TTL_MS }))),
  );
  const grants = acquired.map((result, i) => {
    assert.ok(result.ok);
    assert.equal(result.lease.key, keyOf(i));
    return { key: result.lease.key, token: result.lease.token, ttlMs: TTL_MS + i };
  });
  const nowMs = clock.wallMs();
  const asked = grants.map((grant, i) => (i % 11 === 0 ? { ...grant, token: grant.token + 1 } : grant));
  for (const [i, result] of (await settled(writes.renewMany(asked))).entries()) {
    if (i % 11 === 0) assert.equal(result, { ok: false, reason: 'unknown' });
    else assert.ok(result.ok && Math.abs(result.expiresAtMs - nowMs - TTL_MS - i) <= 1, `${i}`);
  }
});

const died = (): LeaseStoreError => new LeaseStoreError('ERR_HOLDFAST_SHARD_RESTARTED', 'died', { outcome: 'unknown' });

test('of the calls to a shard that dies those fail that it had been sent; the rest wait for the next thread', async () => {
  const { shards, dispatcher, writes, settled } = twoShards();
  const calls = writes.acquireMany(
    Array.from({ length: 8000 }, (_, i) => ({
      key: { type: 'a', id: `k${i}` },
      owner: 'n',
      ttlMs: TTL_MS,
      value: 'v'.repeat(1000),
    })),
  );
  dispatcher.failShard(0, died());
  const late = Array.from({ length: 20 }, (_, i) =>
    writes.acquire({ type: 'late', id: `${i}` }, { owner: 'n', ttlMs: TTL_MS }),
  );
  shards[0].replace();
  dispatcher.resumeShard(0);
  const results = await settled(calls);
  for (const { ok } of await settled(Promise.all(late))) assert.ok(ok, 'a call made while it was dead');
  const failed = results.flatMap((result) => (!result.ok && result.reason === 'failed' ? [result.error] : []));
  assert.ok(failed.length > 0 && results.filter(({ ok }) => ok).length > 4000);
  for (const error of failed) assert.is((error as LeaseStoreError).code, 'ERR_HOLDFAST_SHARD_RESTARTED');
});

test('answers that a shard gave before it died are handed out', async () => {
  const { shards, dispatcher, writes } = twoShards();
  const calls = Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => writes.acquire({ type: 'a', id: `k${i}` }, { owner: 'n', ttlMs: TTL_MS })),
  );
  for (const { shard } of shards) while (shard.step());
  for (const shard of shards.keys()) dispatcher.failShard(shard, died());
  for (const { status } of await calls) assert.is(status, 'fulfilled');
});

test('a shard that cannot be taken over for now fails calls typed, and takes them again once it has been', async () => {
  const { shards, dispatcher, writes, settled, failure } = twoShards();
  const keys = Array.from({ length: 40 }, (_, i) => ({ key: { type: 'a', id: `k${i}` }, owner: 'n', ttlMs: TTL_MS }));
  dispatcher.failShard(0, died());
  const waiting = writes.acquireMany(keys);
  const full = new LeaseStoreError('ERR_HOLDFAST_DISK_FULL', 'full', { retryable: true });
  dispatcher.dropShard(0, full);
  const failed = (await settled(waiting)).filter((result) => !result.ok && result.reason === 'failed');
  assert.ok(failed.length > 0);
  for (const result of failed) assert.is((result as { error?: unknown }).error, full);
  assert.is(await failure(writes.releaseOwner('nobody')), full);
  shards[0].replace();
  dispatcher.resumeShard(0);
  for (const { ok } of await settled(writes.acquireMany(keys))) assert.ok(ok);
  assert.is(
    shards.reduce((sum, shard) => sum + shard.leases().size, 0),
    keys.length,
  );
});

function* leases(count: number, bad = -1): Generator<Lease<string>> {
  for (let i = 0; i < count; i++) {
    const key = { type: 'a', id: `k${i}` };
    const lease = { key, owner: 'n', expiresAtMs: 1.8e12, ttlMs: i === bad ? 0 : TTL_MS, acquiredAtMs: 0, renewals: 0 };
    yield { ...lease, token: 1 + i };
  }
}

test('an import that fails behind what it has imported says so', async () => {
  const { writes, failure } = twoShards();
  const first = await failure(writes.import(leases(10, 5)));
  assert.equal([first.code, first.outcome], ['ERR_HOLDFAST_INVALID_ARGUMENT', 'not-applied']);
  const late = await failure(writes.import(leases(9000, 8999)));
  assert.equal([late.code, late.outcome], ['ERR_HOLDFAST_INVALID_ARGUMENT', 'unknown']);
  assert.match(late.message, /leases\[8999\]\.ttlMs .*; 8192 leases had been changed/);
});

test.run();
