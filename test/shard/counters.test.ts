import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setU53 } from '../../native-layout/lease-record.js';
import { STATUS_OK } from '../../native-layout/mailbox.js';
import { commitSlotIndex, SLOT_COMMIT } from '../../native-layout/shard-control.js';
import { IMPORT_TOKEN_MAX } from '../../src/arguments.js';
import { readCommit } from '../../src/memory/control.js';
import { claimRow, PinRow } from '../../src/memory/pins.js';
import { Slabs } from '../../src/memory/slabs.js';
import { writeNewShard } from '../../src/recovery/new-shard.js';
import { scanWal } from '../../src/wal/reader.js';
import { FIRST_SEGMENT_ID, segmentPath } from '../../src/wal/segment.js';
import { WalWriter } from '../../src/wal/writer.js';
import { seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, makeShardDirectory, SHARD_DIRECTORY, ShardDriver, STORE_ID } from '../support/shard-driver.js';
import { type StoredLease, storedLeases } from '../support/stored-leases.js';
import { Random } from '../support/tree-random.js';

/*
 * Numbers that grow for ever, started near where they would wrap if they were kept in too few bits. Ring positions are in
 * rings.test.ts, node ids in test/table/lease-table.test.ts.
 */

const TTL_MS = 3_600_000;
const MEMORY = { memoryBytes: 1 << 22, segmentBytesMax: 4096 };

/** A group of requests on a few keys; all are answered. */
function playGroup(driver: ShardDriver, random: Random): void {
  const stored = driver.leases();
  for (let i = 0; i < 8; i++) {
    const key = `chat/${random.below(40)}`;
    const token = stored.get(key)?.token;
    if (token === undefined || random.chance(0.3)) driver.acquire(key, `n${random.below(3)}`, TTL_MS, { value: key });
    else if (random.chance(0.7)) driver.renew(key, token);
    else driver.release(key, token);
  }
  driver.settle();
  assert.is(driver.calls.size, 0);
}

/** An empty shard whose log goes on from `lsn`, in a segment and an epoch of that number. */
function emptyAt(lsn: number, segmentId: number, epoch: number): FaultFileSystem {
  const files = new FaultFileSystem();
  makeShardDirectory(files);
  const nothing = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };
  const commit = { commit: 1, lsn, storeMs: 1, token: 0, ...nothing };
  const owner = { storeId: STORE_ID, shard: 0 };
  writeNewShard(files, SHARD_DIRECTORY, owner, Slabs.reserve(2048, 1 << 20), commit);
  files.unlink(segmentPath(SHARD_DIRECTORY, FIRST_SEGMENT_ID));
  WalWriter.create(files, SHARD_DIRECTORY, {
    ...owner,
    segmentId,
    epoch,
    lastLsn: lsn,
    storeMs: 1,
    salt: seed,
  }).close();
  return files;
}

for (const [name, past, pastSegment] of [
  ['pass 2^31', 2 ** 31, 2 ** 31],
  ['pass 2^32', 2 ** 32, 2 ** 32],
  // Names of segments have ten digits.
  ['come near 2^53', 2 ** 53 - 100_000, 10 ** 10 - 1000],
] as const) {
  test(`LSNs, segments and epochs ${name}, in the log, in checkpoints and through kills`, () => {
    const random = new Random(seed);
    const from = past - 200;
    let files = emptyAt(from, pastSegment - 3, past - 1);
    const clock = new HandClock();
    let driver = ShardDriver.open({ files, clock, ...MEMORY });
    for (let round = 0; round < 90; round++) {
      playGroup(driver, random);
      clock.advance(10);
      if (round % 7 === 0) driver.syncInBackground();
      if (round % 20 === 19) {
        driver.syncInBackground();
        assert.ok(driver.checkpoint().lsn > from);
      }
      if (round % 30 !== 29) continue;
      const leases = driver.leases();
      files = files.afterKill();
      driver = ShardDriver.open({ files, clock, ...MEMORY });
      assert.equal(driver.leases(), leases);
    }
    assert.ok(driver.published.lsn > past, `${driver.published.lsn} is past ${past}`);
    assert.ok(driver.durableLsn > past);
    const { lastSegmentId, lastEpoch } = scanWal(files, SHARD_DIRECTORY, {
      storeId: STORE_ID,
      shard: 0,
      fromLsn: driver.published.lsn,
    });
    assert.ok(lastSegmentId > pastSegment, `segment ${lastSegmentId} is past ${pastSegment}`);
    assert.ok(lastEpoch > past, `epoch ${lastEpoch} is past ${past}`);
  });
}

for (const [name, passed] of [
  ['2^31', 2 ** 31],
  ['2^32', 2 ** 32],
  ['2^52', 2 ** 52],
] as const) {
  test(`commit numbers pass ${name}, with readers on old commits`, () => {
    const random = new Random(seed);
    const driver = ShardDriver.open({ files: new FaultFileSystem(), clock: new HandClock(), ...MEMORY });
    for (let i = 0; i < 20; i++) playGroup(driver, random);
    // A thread that takes over goes on from the number that is published.
    const { control, slabs } = driver;
    setU53(control.words, commitSlotIndex(control.current) + SLOT_COMMIT, passed - 40);
    driver.replace();
    const row = new PinRow(control, claimRow([control]));
    const held: { readonly pin: number; readonly leases: Map<string, StoredLease> }[] = [];
    const pinned = (pin: number) => storedLeases(slabs, readCommit(control, row.slot(pin)));
    for (let i = 0; i < 100; i++) {
      if (i % 5 === 0) {
        const pin = row.acquire();
        held.push({ pin, leases: pinned(pin) });
      }
      playGroup(driver, random);
      for (const { pin, leases } of held) assert.equal(pinned(pin), leases);
      while (held.length > 4) row.release((held.shift() as { pin: number }).pin);
    }
    assert.ok(driver.published.commit > passed);
    for (const { pin } of held) row.release(pin);
    driver.replace();
    playGroup(driver, random);
    driver.leases();
  });
}

test('tokens go on behind the highest that can be imported, through a kill', () => {
  let files = new FaultFileSystem();
  const clock = new HandClock();
  let driver = ShardDriver.open({ files, clock, ...MEMORY });
  const lease = { owner: 'n1', expiresAtMs: clock.wall + TTL_MS, ttlMs: TTL_MS, renewals: 0, value: undefined };
  driver.answer(driver.import('chat/1', { ...lease, token: IMPORT_TOKEN_MAX }));
  let last = IMPORT_TOKEN_MAX;
  for (let i = 0; i < 20; i++) {
    const { status, token } = driver.answer(driver.acquire('chat/2', 'n1', TTL_MS));
    assert.is(status, STATUS_OK);
    assert.ok(token > last && Number.isSafeInteger(token), `${token}`);
    last = token;
    if (i % 5 !== 4) continue;
    const leases = driver.leases();
    files = files.afterKill();
    driver = ShardDriver.open({ files, clock, ...MEMORY });
    assert.equal(driver.leases(), leases);
  }
});

test('renewals start over from 0 behind 2^32 - 1, and the log says the same', () => {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  const driver = ShardDriver.open({ files, clock, ...MEMORY });
  const token = clock.wall * 1000;
  const lease = { owner: 'n1', token, expiresAtMs: clock.wall + TTL_MS, ttlMs: TTL_MS, value: undefined };
  driver.answer(driver.import('chat/1', { ...lease, renewals: 2 ** 32 - 2 }));
  const renewals = [0, 1, 2].map(() => driver.answer(driver.renew('chat/1', token)).renewals);
  assert.equal(renewals, [2 ** 32 - 1, 0, 1]);
  const replayed = ShardDriver.open({ files: files.afterKill(), clock, ...MEMORY });
  assert.is(replayed.leases().get('chat/1')?.renewals, 1);
});

for (const [name, seconds] of [
  ['2^31 seconds, in 2038', 2 ** 31],
  ['2^32 seconds, in 2106', 2 ** 32],
] as const) {
  test(`store time passes ${name}: leases expire when they should, and are swept`, () => {
    const clock = new HandClock();
    clock.wall = seconds * 1000 - 5000;
    const files = new FaultFileSystem();
    let driver = ShardDriver.open({ files, clock, ...MEMORY, sweepIntervalMs: 100 });
    const { token } = driver.answer(driver.acquire('chat/long', 'n1', 20_000));
    for (let i = 0; i < 30; i++) driver.answer(driver.acquire(`chat/${i}`, 'n1', 8000 + i));
    assert.is(driver.leases().get('chat/0')?.expiresAtMs, seconds * 1000 + 3000);
    clock.advance(7999);
    assert.is(driver.answer(driver.renew('chat/long', token)).status, STATUS_OK);
    assert.is(driver.leases().size, 31);
    clock.advance(1000);
    driver.settle();
    clock.advance(1000);
    driver.settle();
    assert.equal([...driver.leases().keys()], ['chat/long']);
    driver = ShardDriver.open({ files: files.afterKill(), clock, ...MEMORY });
    assert.equal([...driver.leases().keys()], ['chat/long']);
  });
}

test.run();
