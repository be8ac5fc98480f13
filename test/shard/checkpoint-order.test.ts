import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import { HEALTH_CHECKPOINT_FAILING, HEALTH_CLOSED } from '../../native-layout/shard-control.js';
import { listCheckpoints, temporaryPath } from '../../src/checkpoint/files.js';
import { Commits } from '../../src/memory/commits.js';
import { AT } from '../../src/metrics/counters.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, SHARD_DIRECTORY, ShardDriver } from '../support/shard-driver.js';

const TTL = 60_000;

function open(): { shard: ShardDriver; files: FaultFileSystem; clock: HandClock } {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  const shard = ShardDriver.open({ files, clock });
  shard.answer(shard.acquire('chat/1', 'n1', TTL));
  return { shard, files, clock };
}

const pinned = ({ control }: ShardDriver) => new Commits(control).pinned().length;

test('a checkpoint is counted, tells how far it goes, and holds no commit when it is done', () => {
  const { shard, files } = open();
  shard.syncInBackground();
  const { lsn, bytes } = shard.checkpoint();
  assert.is(lsn, shard.published.lsn);
  const { doubles, health } = shard.control;
  assert.equal([doubles[AT.checkpoints], doubles[AT.checkpointLsn], doubles[AT.checkpointBytes]], [1, lsn, bytes]);
  assert.is(doubles[AT.walBytesAtCheckpoint], doubles[AT.walBytes]);
  assert.is(health, 0);
  assert.is(pinned(shard), 0);
  assert.is(listCheckpoints(files, SHARD_DIRECTORY)[0].cutLsn, lsn);
});

test('a checkpoint that fails says so until one succeeds, leaves no file and no pin, and stops no write', () => {
  const { shard, files } = open();
  shard.syncInBackground();
  const names = files.list(SHARD_DIRECTORY);
  files.inject({ code: 'ENOSPC', operation: 'write', path: /\.ckpt/, bytesWritten: 50, times: 2 });
  for (let failures = 1; failures <= 2; failures++) {
    assert.throws(() => shard.checkpoint(), /ENOSPC/);
    assert.ok(shard.control.health & HEALTH_CHECKPOINT_FAILING);
    assert.is(shard.control.doubles[AT.checkpointFailures], failures);
    assert.equal(files.list(SHARD_DIRECTORY), names);
    assert.is(pinned(shard), 0);
    assert.is(shard.answer(shard.acquire(`chat/${failures + 1}`, 'n1', TTL)).status, mail.STATUS_OK);
    shard.syncInBackground();
  }
  shard.checkpoint();
  assert.not(shard.control.health & HEALTH_CHECKPOINT_FAILING);
  assert.is(shard.control.doubles[AT.checkpoints], 1);
});

test('no checkpoint is published of a log that can no longer be synced', () => {
  const { shard, files } = open();
  files.inject({ code: 'EIO', operation: 'fdatasync' });
  shard.syncInBackground();
  const names = files.list(SHARD_DIRECTORY);
  assert.throws(
    () => shard.checkpoint(),
    (error: { code?: string }) => error.code === 'ERR_HOLDFAST_IO',
  );
  assert.equal(files.list(SHARD_DIRECTORY), names);
  assert.is(pinned(shard), 0);
});

test('in a store that is being closed no checkpoint waits for ever for a log that nobody syncs', () => {
  const { shard, files } = open();
  const names = files.list(SHARD_DIRECTORY);
  shard.control.raise(HEALTH_CLOSED);
  assert.throws(
    () => shard.checkpoint(),
    (error: { code?: string }) => error.code === 'ERR_HOLDFAST_CLOSED',
  );
  assert.equal(files.list(SHARD_DIRECTORY), names);
  assert.is(pinned(shard), 0);
});

test('a start removes what an interrupted checkpoint left', () => {
  const { files, clock, shard } = open();
  const leases = shard.leases();
  files.open(temporaryPath(SHARD_DIRECTORY, 12_345), 'create').close();
  assert.equal(ShardDriver.open({ files, clock }).leases(), leases);
  assert.is(files.stat(temporaryPath(SHARD_DIRECTORY, 12_345)), undefined);
});

test.run();
