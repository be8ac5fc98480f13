import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TOKEN_LEAD } from '../../native-layout/format.js';
import { COUNT } from '../../native-layout/node.js';
import { listCheckpoints } from '../../src/checkpoint/files.js';
import { openCheckpoint } from '../../src/checkpoint/reader.js';
import { AT } from '../../src/metrics/counters.js';
import { NOTHING_BESIDE, type SavedCheckpoint, saveCheckpoint } from '../../src/recovery/save.js';
import { Node } from '../../src/tree/node.js';
import { scaled, seed } from '../support/env.js';
import { CrashError, type Fault, FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, SHARD_DIRECTORY, ShardDriver, STORE_ID } from '../support/shard-driver.js';
import { SMALL } from '../support/shard-history.js';

const OWNER = { shard: 0, storeId: STORE_ID };
const TTL = 60_000;

/** A shard with one checkpoint and some segments behind it, all on the disk. */
function shard(): { driver: ShardDriver; files: FaultFileSystem; clock: HandClock } {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  const driver = ShardDriver.open({ files, clock, ...SMALL });
  fill(driver, 'chat');
  driver.checkpoint();
  fill(driver, 'game');
  return { driver, files, clock };
}

function fill(driver: ShardDriver, type: string): void {
  for (let i = 0; i < 20; i++) driver.answer(driver.acquire(`${type}/${i}`, `n${i % 3}`, TTL));
  driver.syncInBackground();
}

function save(driver: ShardDriver, files: FaultFileSystem, untilDurable: (lsn: number) => void): SavedCheckpoint {
  const beside = { ...NOTHING_BESIDE, untilDurable };
  return saveCheckpoint(files, SHARD_DIRECTORY, OWNER, driver.slabs, driver.published, beside);
}

const cuts = (files: FaultFileSystem) => listCheckpoints(files, SHARD_DIRECTORY).map(({ cutLsn }) => cutLsn);

test('a checkpoint has its name only once the log is on the disk up to its cut', () => {
  const { driver, files } = shard();
  const before = cuts(files);
  const { lsn } = driver.published;
  let asked = 0;
  save(driver, files, (until) => {
    asked = until;
    // Whatever survives a power cut now, it is no checkpoint that the log does not reach.
    for (const image of [files, ...files.images(seed, 20)]) assert.equal(cuts(image), before);
  });
  assert.is(asked, lsn);
  assert.equal(cuts(files), [lsn, ...before]);
});

test('whoever works beside a checkpoint is thought of at every node, when it is checked and when it is written', () => {
  const { driver, files } = shard();
  let steps = 0;
  const beside = { ...NOTHING_BESIDE, step: () => steps++ };
  const { nodes } = saveCheckpoint(files, SHARD_DIRECTORY, OWNER, driver.slabs, driver.published, beside);
  assert.ok(nodes >= 3);
  assert.is(steps, nodes * 2);
});

test('a checkpoint that fails at any step leaves the directory as it was', () => {
  const faults: Fault[] = [
    { code: 'EMFILE', operation: 'open' },
    { code: 'ENOSPC', operation: 'write' },
    { code: 'EDQUOT', operation: 'write', bytesWritten: 100 },
    { code: 'EIO', operation: 'write', bytesWritten: 100 },
    { code: 'EIO', operation: 'fsync' },
    { code: 'EACCES', operation: 'rename' },
  ];
  for (const fault of faults) {
    const { driver, files } = shard();
    const { openFiles } = files;
    const names = files.list(SHARD_DIRECTORY);
    files.inject({ ...fault, path: /\.ckpt/ });
    assert.throws(() => save(driver, files, () => {}), new RegExp(fault.code));
    assert.equal(files.list(SHARD_DIRECTORY), names, `${fault.code} of ${fault.operation}`);
    assert.is(files.openFiles, openFiles);
    save(driver, files, () => {});
    assert.is(cuts(files)[0], driver.published.lsn, 'the next one succeeds');
  }
  const { driver, files } = shard();
  const names = files.list(SHARD_DIRECTORY);
  const givesUp = () => {
    throw new Error('the log is not durable');
  };
  assert.throws(() => save(driver, files, givesUp), /not durable/);
  assert.equal(files.list(SHARD_DIRECTORY), names);
});

test('no checkpoint is made of a commit that does not hold together, whichever of its nodes is damaged', () => {
  const { driver, files } = shard();
  const names = files.list(SHARD_DIRECTORY);
  const { slabs } = driver;
  const root = new Node(slabs);
  for (const id of [driver.published.leases, driver.published.owners, driver.published.names]) {
    const { words, at } = root.open(id);
    words[at + COUNT]--;
    assert.throws(
      () => save(driver, files, () => {}),
      (error: { code?: string }) => error.code === 'ERR_HOLDFAST_CORRUPT',
    );
    assert.equal(files.list(SHARD_DIRECTORY), names);
    words[at + COUNT]++;
  }
  save(driver, files, () => {});
});

test('a power cut at any step of a checkpoint and of the removal of what it replaces costs nothing', () => {
  const { driver, files, clock } = shard();
  const leases = driver.leases();
  let images = 0;
  for (let step = 1; ; step++) {
    const disk = files.afterKill();
    disk.crashAt(step);
    const ended = saves(driver, disk);
    for (const image of disk.images(seed + step, scaled(20, 200))) {
      images++;
      const again = ShardDriver.open({ files: image, clock, ...SMALL });
      assert.equal(again.leases(), leases, `step ${step}, image ${image.digest().slice(0, 8)}`);
    }
    if (!ended) continue;
    assert.not(disk.list(SHARD_DIRECTORY).includes('wal-0000000001.log'), 'a segment was dropped');
    break;
  }
  assert.ok(images > 20, `${images} images`);
});

function saves(driver: ShardDriver, disk: FaultFileSystem): boolean {
  try {
    save(driver, disk, () => {});
    return true;
  } catch (error) {
    if (error instanceof CrashError) return false;
    throw error;
  }
}

test('a checkpoint tells of a ceiling at or above every one that the log behind it told of', () => {
  const { driver, files, clock } = shard();
  const token = (clock.wall + 3_600_000) * 1000;
  driver.import('far/1', {
    owner: 'n1',
    token,
    expiresAtMs: clock.wall + TTL,
    ttlMs: TTL,
    renewals: 0,
    value: undefined,
  });
  driver.answer(driver.release('far/1', token));
  const ceiling = driver.control.doubles[AT.tokenCeiling];
  assert.ok(ceiling > token && ceiling <= token + TOKEN_LEAD);
  driver.syncInBackground();
  save(driver, files, () => {});
  const [newest] = listCheckpoints(files, SHARD_DIRECTORY);
  const owner = { ...OWNER, nodeBytes: driver.slabs.nodeBytes };
  const reader = openCheckpoint(files, newest.path, newest.cutLsn, owner);
  assert.ok(reader.meta.tokenCeiling >= ceiling);
  reader.close();
});

test.run();
