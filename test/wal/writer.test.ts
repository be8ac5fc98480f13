import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaseStoreError } from '../../src/errors.js';
import { seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { LogFixture } from './log-fixture.js';

const DIRECTORY = '/shard';

function newLog(): { files: FaultFileSystem; log: LogFixture } {
  const files = new FaultFileSystem();
  files.makeDirectory(DIRECTORY);
  files.syncDirectory('/');
  return { files, log: new LogFixture(files, DIRECTORY) };
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof LeaseStoreError) return error.code;
    throw error;
  }
  return 'no error';
}

/** Fails the last append's bookkeeping too, so that the fixture knows only what is in the log. */
function appendFails(log: LogFixture, count: number): string {
  return codeOf(() => log.append(count));
}

test('a new segment is durable before anything is appended', () => {
  const { files } = newLog();
  const images = [...files.images(seed, 10)];
  assert.is(images.length, 1);
  assert.equal(images[0].list(DIRECTORY), ['wal-0000000001.log']);
});

test('the writer tells what it wrote and what is durable', () => {
  const { log } = newLog();
  log.append(3);
  assert.is(log.writer.lastLsn, 3);
  assert.is(log.writer.durableLsn, 0);
  log.writer.noteDurable(2);
  assert.is(log.writer.durableLsn, 2);
  assert.is(log.writer.sync(), 3);
  log.writer.noteDurable(1);
  assert.is(log.writer.durableLsn, 3);
  assert.throws(() => log.writer.noteDurable(4), /before it was written/);
  assert.is(log.writer.bytes, log.files.stat(log.writer.path)?.bytes);
});

test('a short write is taken back, and the log goes on where it ended', () => {
  for (const bytesWritten of [0, 1, 57, 100]) {
    const { files, log } = newLog();
    log.append(2);
    const { bytes } = log.writer;
    files.inject({ code: 'EIO', operation: 'write', bytesWritten });
    assert.is(appendFails(log, 5), 'ERR_HOLDFAST_IO');
    assert.is(log.writer.bytes, bytes);
    assert.is(files.stat(log.writer.path)?.bytes, bytes);
    assert.is(log.writer.lastLsn, 2);
    log.append(1);
    const { scan, heard } = log.replay();
    assert.equal(heard.records, log.records);
    assert.is(scan.torn, undefined);
  }
});

test('a full disk stops the log until there is room again', () => {
  const { files, log } = newLog();
  log.append(2);
  files.capacityBytes = log.writer.bytes + 100;
  assert.is(appendFails(log, 5), 'ERR_HOLDFAST_DISK_FULL');
  assert.is(appendFails(log, 5), 'ERR_HOLDFAST_DISK_FULL');
  assert.equal(log.replay().heard.records, log.records);
  files.capacityBytes = Number.POSITIVE_INFINITY;
  log.append(5);
  assert.equal(log.replay().heard.records, log.records);
});

test('a write that cannot be taken back is the last one', () => {
  const { files, log } = newLog();
  log.append(2);
  files.inject({ code: 'EIO', operation: 'write', bytesWritten: 50 });
  files.inject({ code: 'EIO', operation: 'truncate' });
  assert.is(appendFails(log, 5), 'ERR_HOLDFAST_IO');
  const { steps } = files;
  assert.is(appendFails(log, 1), 'ERR_HOLDFAST_READ_ONLY');
  assert.is(
    codeOf(() => log.writer.sync()),
    'ERR_HOLDFAST_READ_ONLY',
  );
  assert.is(files.steps, steps, 'a dead writer touches nothing');
  const { scan, heard } = log.replay();
  assert.equal(heard.records, log.records);
  assert.is(scan.torn?.bytes, 50);
});

test('a failed sync is final', () => {
  const { files, log } = newLog();
  log.append(2);
  files.inject({ code: 'EIO', operation: 'fdatasync' });
  assert.is(
    codeOf(() => log.writer.sync()),
    'ERR_HOLDFAST_IO',
  );
  const { steps } = files;
  assert.is(
    codeOf(() => log.writer.sync()),
    'ERR_HOLDFAST_READ_ONLY',
  );
  assert.is(appendFails(log, 1), 'ERR_HOLDFAST_READ_ONLY');
  assert.is(
    codeOf(() => log.writer.roll(0, 1)),
    'ERR_HOLDFAST_READ_ONLY',
  );
  assert.is(files.steps, steps, 'a dead writer touches nothing');
  assert.is(log.writer.durableLsn, 0);
});

test('what another thread found out stops the writer', () => {
  const { log } = newLog();
  log.writer.fail(new Error('the background sync failed'));
  assert.throws(() => log.append(1), /the background sync failed/);
});

test('a segment rolls only once it is durable', () => {
  const { files, log } = newLog();
  log.append(2);
  assert.throws(() => log.roll(), /rolls only once it is synced/);
  log.writer.noteDurable(2);
  log.append(0);
  log.roll();
  assert.is(log.writer.segmentId, 2);
  // The mark had no LSN to wait for and is durable all the same.
  for (const image of files.images(seed, 10)) assert.is(image.digest(), files.digest());
});

test('a roll that finds no room leaves the log in its old segment', () => {
  for (const operation of ['open', 'write'] as const) {
    const { files, log } = newLog();
    log.append(2);
    log.sync();
    files.inject({ code: 'ENOSPC', operation, bytesWritten: 10 });
    assert.is(
      codeOf(() => log.roll()),
      'ERR_HOLDFAST_DISK_FULL',
    );
    assert.equal(files.list(DIRECTORY), ['wal-0000000001.log']);
    log.append(1);
    log.sync();
    log.roll();
    assert.is(log.writer.segmentId, 2);
    assert.is(files.openFiles, 1);
    assert.equal(log.replay().heard.records, log.records);
  }
});

test('what closing the old segment says is nothing against the new one', () => {
  const { files, log } = newLog();
  log.append(2);
  log.sync();
  const probe = files.open(`${DIRECTORY}/wal-0000000001.log`, 'read');
  const prototype = Object.getPrototypeOf(probe);
  const { close } = prototype;
  prototype.close = function (this: typeof probe) {
    close.call(this);
    throw new Error('EIO');
  };
  try {
    log.roll();
  } finally {
    prototype.close = close;
  }
  probe.close();
  assert.is(log.writer.segmentId, 2);
  assert.is(files.openFiles, 1);
  log.append(1);
  log.sync();
  assert.equal(log.replay().heard.records, log.records);
});

test('a roll whose new segment cannot be made durable is final', () => {
  for (const operation of ['fsync', 'syncDirectory'] as const) {
    const { files, log } = newLog();
    log.append(2);
    log.sync();
    files.inject({ code: 'EIO', operation });
    assert.is(
      codeOf(() => log.roll()),
      'ERR_HOLDFAST_IO',
    );
    assert.is(appendFails(log, 1), 'ERR_HOLDFAST_READ_ONLY');
    assert.is(files.openFiles, 1);
    assert.equal(log.replay().heard.records, log.records);
  }
});

test('a closed writer holds no file and writes nothing', () => {
  const { files, log } = newLog();
  log.writer.close();
  log.writer.close();
  assert.is(files.openFiles, 0);
  assert.throws(() => log.append(1), /it was closed/);
});

test.run();
