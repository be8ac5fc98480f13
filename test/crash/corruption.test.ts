// timeout: 1800s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaseStoreError } from '../../src/errors.js';
import type { RecoverySummary } from '../../src/shard/shard.js';
import { long, scaled, seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, SHARD_DIRECTORY, ShardDriver } from '../support/shard-driver.js';
import { SMALL } from '../support/shard-history.js';
import type { StoredLease } from '../support/stored-leases.js';
import { Random } from '../support/tree-random.js';

/*
 * A small shard that was closed cleanly, damaged in every way that one fault can: whoever recovers it gets exactly what
 * it held, or a typed error and an untouched disk. Never a crash or a wrong value; and an earlier state only where all
 * that spoke of a later one is gone.
 */

interface Closed {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What it held at each LSN. */
  readonly states: ReadonlyMap<number, ReadonlyMap<string, StoredLease>>;
  readonly lsn: number;
  readonly clock: HandClock;
}

/** Two checkpoints, segments behind each, values in leaves and in nodes of their own. */
function closedShard(): Closed {
  const disk = new FaultFileSystem();
  const clock = new HandClock();
  const random = new Random(seed);
  const driver = ShardDriver.open({ files: disk, clock, ...SMALL });
  const states = new Map([[driver.published.lsn, driver.leases()]]);
  const settle = () => {
    driver.settle();
    states.set(driver.published.lsn, driver.leases());
  };
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 8; i++) {
      const value = 'v'.repeat(i === 0 ? 900 : random.below(30));
      driver.acquire(`chat/${round}-${i}`, `n${i % 3}`, 600_000, { value });
      settle();
      clock.advance(10);
    }
    const [[key, { token }]] = driver.leases();
    driver.release(key, token);
    settle();
    driver.syncInBackground();
    if (round < 2) driver.checkpoint();
  }
  driver.close();
  const lsn = driver.published.lsn + 1;
  states.set(lsn, driver.leases());
  const files = new Map(
    disk.list(SHARD_DIRECTORY).map((name) => [name, disk.readFile(`${SHARD_DIRECTORY}/${name}`).slice()]),
  );
  assert.is([...files.keys()].filter((name) => name.endsWith('.ckpt')).length, 2);
  assert.ok([...files.keys()].filter((name) => name.startsWith('wal-')).length >= 3);
  return { files, states, lsn, clock };
}

const closed = closedShard();
const lastSegment = [...closed.files.keys()].filter((name) => name.startsWith('wal-')).at(-1) as string;

function diskOf(files: ReadonlyMap<string, Uint8Array>): FaultFileSystem {
  const disk = new FaultFileSystem();
  disk.makeDirectory(SHARD_DIRECTORY);
  for (const [name, bytes] of files) {
    const file = disk.open(`${SHARD_DIRECTORY}/${name}`, 'create');
    file.write(bytes, 0, bytes.length, 0);
    file.fdatasync();
    file.close();
  }
  disk.syncDirectory(SHARD_DIRECTORY);
  return disk;
}

/** The disk with one file changed, or without it. */
function damaged(name: string, bytes: Uint8Array | undefined): FaultFileSystem {
  const files = new Map(closed.files);
  if (bytes === undefined) files.delete(name);
  else files.set(name, bytes);
  return diskOf(files);
}

const counts = { same: 0, refused: 0, earlier: 0 };

/** Recovers a damaged disk. `mayLose`: whether nothing can show any more that there was more than was found. */
function expectSafe(disk: FaultFileSystem, what: string, mayLose: (found: RecoverySummary) => boolean): void {
  const before = disk.digest();
  const driver = new ShardDriver({ files: disk, clock: closed.clock, ...SMALL });
  let found: RecoverySummary;
  try {
    found = driver.recover();
  } catch (error) {
    const isTyped = error instanceof LeaseStoreError && /_(CORRUPT|FORMAT)$/.test(error.code);
    if (!isTyped) throw new Error(`${what}: ${(error as Error).stack}`, { cause: error });
    assert.is(disk.digest(), before, `${what}: refused, and nothing changed`);
    counts.refused++;
    return;
  }
  assert.is(disk.digest(), before, `${what}: recovery changes nothing`);
  driver.start(found);
  if (found.lsn !== closed.lsn && mayLose(found)) counts.earlier++;
  else {
    assert.is(found.lsn, closed.lsn, `${what}: nothing is missing`);
    counts.same++;
  }
  const leases = closed.states.get(found.lsn) ?? new Map();
  assert.equal(driver.leases(), leases, what);
  const again = new ShardDriver({ files: disk, clock: closed.clock, ...SMALL });
  again.start(again.recover());
  assert.equal(again.leases(), leases, `${what}, and once more`);
}

const never = () => false;
/** At the end of a frame even a file that was cut off looks whole. */
const always = () => true;
/** The damage hit the last records and the mark behind them: it may have been a power cut, and is reported as one. */
const torn = (found: RecoverySummary) => found.tornBytes > 0;

function inTurn(sampled: number, all: number): number[] {
  if (long || all <= sampled) return Array.from({ length: all }, (_, i) => i);
  const random = new Random(seed + all);
  return Array.from({ length: sampled }, () => random.below(all));
}

test('undamaged, it comes back', () => {
  expectSafe(diskOf(closed.files), 'undamaged', never);
  assert.is(counts.same, 1);
});

test('any bit flipped', () => {
  for (const [name, bytes] of closed.files) {
    for (const bit of inTurn(150, bytes.length * 8)) {
      const changed = bytes.slice();
      changed[bit >>> 3] ^= 1 << (bit & 7);
      // Be it of the last record: the mark behind it says that it was there.
      expectSafe(damaged(name, changed), `${name}, bit ${bit} (seed ${seed})`, never);
    }
  }
});

test('cut off at any length', () => {
  for (const [name, bytes] of closed.files) {
    for (const length of inTurn(100, bytes.length)) {
      const mayLose = name === lastSegment ? always : never;
      expectSafe(damaged(name, bytes.slice(0, length)), `${name} cut to ${length} (seed ${seed})`, mayLose);
    }
  }
});

const SECTOR = 512;

test('sectors zeroed, swapped, duplicated', () => {
  const random = new Random(seed);
  for (const [name, bytes] of closed.files) {
    const sectors = Math.ceil(bytes.length / SECTOR);
    const mayLose = name === lastSegment ? torn : never;
    const part = (sector: number) => bytes.slice(sector * SECTOR, (sector + 1) * SECTOR);
    for (const sector of inTurn(20, sectors)) {
      const zeroed = bytes.slice();
      zeroed.fill(0, sector * SECTOR, (sector + 1) * SECTOR);
      expectSafe(damaged(name, zeroed), `${name}, sector ${sector} zeroed`, mayLose);
      for (let i = 0; i < scaled(2, 10); i++) {
        const other = random.below(sectors);
        const copied = bytes.slice();
        copied.set(part(other).subarray(0, bytes.length - sector * SECTOR), sector * SECTOR);
        expectSafe(damaged(name, copied), `${name}, sector ${sector} over ${other}`, mayLose);
        const swapped = copied.slice();
        swapped.set(part(sector).subarray(0, bytes.length - other * SECTOR), other * SECTOR);
        expectSafe(damaged(name, swapped), `${name}, sectors ${sector} and ${other} swapped`, mayLose);
      }
    }
  }
});

test('zeros or old bytes behind the end', () => {
  for (const [name, bytes] of closed.files) {
    for (const extra of [1, 3, 4, 100, SECTOR, 5000]) {
      for (const behind of [new Uint8Array(extra), bytes.slice(0, extra), bytes.slice(-extra)]) {
        const longer = new Uint8Array(bytes.length + behind.length);
        longer.set(bytes);
        longer.set(behind, bytes.length);
        expectSafe(damaged(name, longer), `${name} with ${behind.length} more bytes`, never);
      }
    }
  }
});

test('any file missing, or in the place of another', () => {
  for (const name of closed.files.keys()) {
    // Without its last segment, the log ends where the shard was opened the last time.
    const mayLose = name === lastSegment ? always : never;
    expectSafe(damaged(name, undefined), `${name} missing`, mayLose);
    for (const [other, bytes] of closed.files) {
      if (other !== name) expectSafe(damaged(name, bytes), `${other} in place of ${name}`, never);
    }
  }
});

test('both checkpoints damaged, or the newest and the log behind the older', () => {
  const [older, newest] = [...closed.files.keys()].filter((name) => name.endsWith('.ckpt'));
  const spoilt = (name: string, at: number): [string, Uint8Array] => {
    const bytes = (closed.files.get(name) as Uint8Array).slice();
    bytes[at] ^= 1;
    return [name, bytes];
  };
  expectSafe(diskOf(new Map([...closed.files, spoilt(older, 200), spoilt(newest, 200)])), 'both checkpoints', never);
  for (const name of closed.files.keys()) {
    if (!name.startsWith('wal-')) continue;
    const both = new Map([...closed.files, spoilt(newest, 200), spoilt(name, 150)]);
    expectSafe(diskOf(both), `the newest checkpoint and ${name}`, name === lastSegment ? torn : never);
  }
});

test('a checkpoint without any log', () => {
  const checkpoints = [...closed.files].filter(([name]) => name.endsWith('.ckpt'));
  for (const kept of [checkpoints, checkpoints.slice(0, 1), checkpoints.slice(1)]) {
    const refused = counts.refused;
    expectSafe(diskOf(new Map(kept)), `${kept.length} checkpoints and no log`, never);
    assert.is(counts.refused, refused + 1);
  }
});

test('a log that ends before the cut of a damaged checkpoint is not taken for a torn one', () => {
  const disk = new FaultFileSystem();
  const driver = ShardDriver.open({ files: disk, clock: new HandClock() });
  for (const key of ['chat/1', 'chat/2', 'chat/3']) {
    driver.answer(driver.acquire(key, 'n1', 1000));
    driver.syncInBackground();
    driver.checkpoint();
  }
  const spoil = (name: string): void => {
    const file = disk.open(`${SHARD_DIRECTORY}/${name}`, 'write');
    file.write(Uint8Array.of(1, 2, 3), 0, 3, file.size() - 3);
    file.close();
  };
  const [log] = disk.list(SHARD_DIRECTORY).filter((name) => name.startsWith('wal-'));
  spoil(disk.list(SHARD_DIRECTORY).filter((name) => name.endsWith('.ckpt'))[1]);
  const fallenBack = disk.afterKill();
  assert.is(ShardDriver.open({ files: fallenBack, clock: new HandClock() }).leases().size, 3);
  assert.is(
    fallenBack.list(SHARD_DIRECTORY).filter((name) => name.endsWith('.ckpt')).length,
    1,
    'the damaged one is gone',
  );
  spoil(log);
  const before = disk.digest();
  assert.throws(
    () => new ShardDriver({ files: disk, clock: new HandClock() }).recover(),
    (error: unknown) => error instanceof LeaseStoreError && error.code === 'ERR_HOLDFAST_CORRUPT',
  );
  assert.is(disk.digest(), before);
});

test('all of that was neither refused nor survived throughout', () => {
  const { same, refused, earlier } = counts;
  assert.ok(same > 500 && refused > 300 && earlier > 20 && earlier < refused, JSON.stringify(counts));
});

test.run();
