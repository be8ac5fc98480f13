import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dropSegmentsBelow, settleLog } from '../../src/wal/settle.js';
import { seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { LogFixture, replayLog } from './log-fixture.js';

const DIRECTORY = '/shard';

function newLog(): LogFixture {
  const files = new FaultFileSystem();
  files.makeDirectory(DIRECTORY);
  files.syncDirectory('/');
  return new LogFixture(files, DIRECTORY);
}

/** Five segments of two records each; the last one is empty. */
function longLog(): LogFixture {
  const log = newLog();
  for (let i = 0; i < 4; i++) {
    log.append(2);
    log.sync();
    log.roll();
  }
  return log;
}

function ids(log: LogFixture): number[] {
  return log.scan({ fromLsn: log.writer.lastLsn }).segments.map((segment) => segment.id);
}

function images(log: LogFixture): FaultFileSystem[] {
  return [...(log.files as FaultFileSystem).images(seed, 50)];
}

for (const marked of [false, true]) {
  test(`settling makes all that was found durable${marked ? ', which it was,' : ''} and cuts off the rest`, () => {
    const log = newLog();
    log.append(2);
    log.append(3);
    if (marked) {
      log.sync();
      log.append(0);
      log.sync();
    }
    const path = log.writer.path;
    const file = log.files.open(path, 'write');
    file.write(new Uint8Array(99).fill(7), 0, 99, log.writer.bytes);
    file.close();
    assert.ok(images(log).length > 1);
    const { scan } = log.replay();
    assert.is(scan.torn?.bytes, 99);
    settleLog(log.files, DIRECTORY, scan);
    for (const image of images(log)) {
      assert.is(image.stat(path)?.bytes, log.writer.bytes);
      assert.is(image.digest(), (log.files as FaultFileSystem).digest());
    }
    assert.equal(log.replay().heard.records, log.records);
  });
}

for (const operation of ['fdatasync', 'syncDirectory', 'fsync'] as const) {
  test(`what a failed ${operation} left in doubt is on the disk once it is settled`, () => {
    const log = newLog();
    const files = log.files as FaultFileSystem;
    log.append(2);
    log.sync();
    if (operation === 'fdatasync') log.append(3);
    files.inject({ code: 'EIO', operation });
    assert.throws(() => (operation === 'fdatasync' ? log.sync() : log.roll()), /EIO/);
    log.writer.close();
    const scan = log.scan();
    // As the kernel sees it, there is nothing left to write.
    settleLog(files, DIRECTORY, scan);
    for (const image of images(log)) assert.is(image.digest(), files.digest());
    assert.equal(log.replay().heard.records, log.records);
    assert.is(files.openFiles, 0);
    const next = new LogFixture(files, DIRECTORY, {
      segmentId: scan.lastSegmentId + 1,
      epoch: 2,
      lastLsn: scan.lastLsn,
    });
    next.append(1);
    next.sync();
    const records = [...log.records, ...next.records];
    for (const image of images(log)) assert.equal(replayLog(image, DIRECTORY, 0).heard.records, records);
  });
}

test('what says of itself that it is on the disk is not written again', () => {
  const log = newLog();
  log.append(2);
  log.sync();
  log.append(0);
  log.sync();
  const files = log.files as FaultFileSystem;
  files.inject({ code: 'EIO', operation: 'write' });
  settleLog(files, DIRECTORY, log.scan());
});

test('a segment that cannot be written anew stays as it was, and the next try succeeds', () => {
  for (const operation of ['open', 'write', 'fsync', 'rename'] as const) {
    const log = newLog();
    const files = log.files as FaultFileSystem;
    log.append(3);
    log.writer.close();
    files.inject({ code: operation === 'write' ? 'ENOSPC' : 'EIO', operation });
    assert.throws(() => settleLog(files, DIRECTORY, log.scan()), /ENOSPC|EIO/);
    assert.is(files.openFiles, 0);
    assert.equal(log.replay().heard.records, log.records);
    settleLog(files, DIRECTORY, log.scan());
    assert.equal(files.list(DIRECTORY), ['wal-0000000001.log']);
    for (const image of images(log)) assert.equal(replayLog(image, DIRECTORY, 0).heard.records, log.records);
  }
});

test('what left the cache since it was read is not taken for what it was', () => {
  const log = newLog();
  log.append(3);
  log.append(3);
  const scan = log.scan();
  const file = log.files.open(log.writer.path, 'write');
  const { from } = log.frames[1];
  file.write(new Uint8Array(20), 0, 20, from + 8);
  assert.throws(() => settleLog(log.files, DIRECTORY, scan), /no longer what it was/);
  file.truncate(from);
  assert.throws(() => settleLog(log.files, DIRECTORY, scan), /no longer what it was/);
  assert.equal(log.files.list(DIRECTORY), ['wal-0000000001.log']);
});

test('a segment without a whole header is removed, and its number used again', () => {
  const log = newLog();
  log.append(2);
  log.sync();
  log.writer.close();
  log.files.open('/shard/wal-0000000002.log', 'create').close();
  const scan = log.scan();
  assert.is(scan.torn?.offset, 0);
  settleLog(log.files, DIRECTORY, scan);
  for (const image of images(log)) assert.equal(image.list(DIRECTORY), ['wal-0000000001.log']);
  log.reopen();
  assert.is(log.scan().lastSegmentId, 2);
});

test('settling an empty log changes nothing', () => {
  const log = newLog();
  log.files.unlink(log.writer.path);
  settleLog(log.files, DIRECTORY, log.scan());
  assert.equal(log.files.list(DIRECTORY), []);
});

test('segments go when nothing in them is needed, oldest first, and the last one never', () => {
  for (const [lsn, left] of [
    [0, [1, 2, 3, 4, 5]],
    [1, [1, 2, 3, 4, 5]],
    [2, [2, 3, 4, 5]],
    [5, [3, 4, 5]],
    [8, [5]],
    [1000, [5]],
  ] as const) {
    const log = longLog();
    const freed = dropSegmentsBelow(log.files, DIRECTORY, lsn);
    assert.equal(ids(log), left, `up to ${lsn}`);
    assert.is(freed > 0, left.length < 5);
    assert.equal(log.replay(Math.min(lsn, 8)).heard.records, log.records.slice(lsn));
  }
});

test('a crash while segments are dropped leaves a log that still starts early enough', () => {
  const log = longLog();
  const files = log.files as FaultFileSystem;
  files.crashAt(files.steps + 3);
  assert.throws(() => dropSegmentsBelow(files, DIRECTORY, 6), /crash/);
  const all = images(log);
  assert.ok(all.length >= 4, 'each removal is kept or not');
  for (const image of all) {
    assert.equal(replayLog(image, DIRECTORY, 6).heard.records, log.records.slice(6));
    dropSegmentsBelow(image, DIRECTORY, 6);
    assert.equal(image.list(DIRECTORY), ['wal-0000000004.log', 'wal-0000000005.log']);
  }
});

test('a bad header stops the dropping before it', () => {
  const log = longLog();
  const file = log.files.open('/shard/wal-0000000003.log', 'write');
  file.write(Uint8Array.of(0), 0, 1, 0);
  file.close();
  dropSegmentsBelow(log.files, DIRECTORY, 8);
  assert.is(log.files.list(DIRECTORY)[0], 'wal-0000000002.log');
});

test.run();
