import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HEALTH_SYNC_FAILED } from '../../native-layout/shard-control.js';
import { Dispatcher } from '../../src/client/dispatcher.js';
import { Router } from '../../src/client/router.js';
import { Writes } from '../../src/client/writes.js';
import type { LeaseStoreError } from '../../src/errors.js';
import type { Lease } from '../../src/lease.js';
import { ClientBell } from '../../src/mailbox/client-bell.js';
import { valueCodec } from '../../src/value-codec.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, ShardDriver } from '../support/shard-driver.js';

const TTL_MS = 3_600_000;

/** Two real shards in this thread, and the calling side of a store over them. */
function twoShards() {
  const clock = new HandClock();
  const shards = [0, 1].map(() => ShardDriver.open({ files: new FaultFileSystem(), clock, ringBytes: 1 << 20 }));
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
  return { shards, writes, clock, settled, failure, take };
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
