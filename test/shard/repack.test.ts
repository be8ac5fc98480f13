import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkCommit } from '../../src/recovery/check.js';
import { NodeSet } from '../../src/memory/node-set.js';
import { scaled, seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, ShardDriver } from '../support/shard-driver.js';
import { uuid } from '../support/tree-keys.js';
import { Random } from '../support/tree-random.js';

const NODE_BYTES = 4096;
const HOUR_MS = 3_600_000;
const COUNT = scaled(20_000, 100_000);

function open(memoryBytes = 1 << 28): { shard: ShardDriver; clock: HandClock; files: FaultFileSystem } {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  const options = { files, clock, memoryBytes, nodeBytes: NODE_BYTES, ringBytes: 1 << 20 };
  return { shard: ShardDriver.open(options), clock, files };
}

/** Imports leases in random order, as one go. */
function importRandomly(shard: ShardDriver, random: Random, count = COUNT): string[] {
  const keys = Array.from({ length: count }, () => `type-${random.below(3)}/${uuid(random)}`);
  keys.forEach((key, i) => {
    const expiresAtMs = Math.ceil(shard.nowMs) + HOUR_MS;
    shard.import(key, {
      owner: `node-${i % 5}`,
      token: 1000 + i,
      expiresAtMs,
      ttlMs: HOUR_MS,
      renewals: 0,
      value: undefined,
    });
    if (i % 20 === 0) shard.settle();
  });
  shard.settle();
  return keys;
}

/** What the shard does by itself, until nothing is due. */
function rest(shard: ShardDriver): void {
  for (let i = 0; i < 1000; i++) shard.step();
}

/** Nodes of all trees, in bytes, for each lease. */
function bytesPerLease(shard: ShardDriver): number {
  const { leases, owners, names } = checkCommit(shard.slabs, shard.published, new NodeSet().add);
  const nodes = [leases, owners, names].reduce((sum, tree) => sum + tree.leaves + tree.branches, 0);
  return (nodes * NODE_BYTES) / leases.entries;
}

test(`what an import left half full is packed once it is over, and nothing else changes (seed ${seed})`, () => {
  const random = new Random(seed);
  const { shard, clock, files } = open();
  const keys = importRandomly(shard, random);
  const { lsn } = shard.published;
  const before = shard.leases();
  rest(shard);
  assert.ok(bytesPerLease(shard) > 95, `more may come; ${bytesPerLease(shard)} bytes a lease`);
  clock.advance(60);
  const { commit } = shard.published;
  rest(shard);
  assert.ok(bytesPerLease(shard) < 85, `${bytesPerLease(shard)} bytes a lease`);
  assert.is(shard.published.lsn, lsn, 'nothing was logged');
  assert.ok(shard.published.commit > commit + 3, 'in slices');
  assert.equal(shard.leases(), before);
  const at = shard.published.commit;
  clock.advance(100_000);
  rest(shard);
  assert.is(shard.published.commit, at, 'once');
  for (const key of keys.slice(0, 200)) shard.renew(key, before.get(key)?.token as number);
  shard.settle();
  const after = shard.leases();
  shard.close();
  const again = ShardDriver.open({ ...shard.options, files, clock });
  assert.equal(again.leases(), after);
  again.close();
});

test('changes between two slices, also to what was not reached yet', () => {
  const random = new Random(seed + 1);
  const { shard, clock } = open();
  const keys = importRandomly(shard, random);
  const expected = shard.leases();
  clock.advance(60);
  for (let i = 0; i < 200; i++) {
    shard.step();
    const key = random.pick(keys);
    const lease = expected.get(key);
    if (lease === undefined) continue;
    shard.release(key, lease.token);
    expected.delete(key);
    const added = `type-3/${uuid(random)}`;
    const { token, expiresAtMs } = shard.answer(shard.acquire(added, 'node-9', HOUR_MS));
    expected.set(added, { owner: 'node-9', token, expiresAtMs, ttlMs: HOUR_MS, renewals: 0, value: undefined });
    clock.advance(60);
  }
  assert.equal(shard.leases(), expected);
  assert.ok(bytesPerLease(shard) < 90, `${bytesPerLease(shard)} bytes a lease`);
  shard.close();
});

test('in a shard that is never quiet there is a slice now and then', () => {
  const { shard, clock } = open();
  const keys = importRandomly(shard, new Random(seed));
  const leases = shard.leases();
  let slices = 0;
  let requests = 0;
  for (let ms = 0; ms < 5000; ms += 10, requests++) {
    clock.advance(10);
    const { commit } = shard.published;
    const key = keys[requests];
    shard.renew(key, leases.get(key)?.token as number);
    shard.settle();
    slices += shard.published.commit - commit - 1;
  }
  // The first when others have waited for half a second, in a group with a request in it.
  assert.ok(slices <= 10, `${slices} slices in five seconds`);
  assert.ok(bytesPerLease(shard) < 100);
  shard.close();
});

test('what is small, or would not leave room for others, is left as it is', () => {
  const few = open();
  importRandomly(few.shard, new Random(seed), 9000);
  const loose = bytesPerLease(few.shard);
  few.clock.advance(60_000);
  rest(few.shard);
  assert.is(bytesPerLease(few.shard), loose);
  few.shard.close();
  // Of 512 nodes an eighth is the reserve. A slice takes some 200 at most, and must leave twice the reserve.
  const short = open(1 << 21);
  importRandomly(short.shard, new Random(seed), 10_500);
  assert.is(short.shard.published.leaseCount, 10_500);
  const { commit } = short.shard.published;
  short.clock.advance(60_000);
  rest(short.shard);
  assert.is(short.shard.published.commit, commit);
  short.shard.close();
});

test.run();
