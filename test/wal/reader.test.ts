import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FRAME_MAGIC } from '../../native-layout/format.js';
import * as layout from '../../native-layout/wal-frame.js';
import { LeaseStoreError } from '../../src/errors.js';
import { nodeFileSystem } from '../../src/io/node-file-system.js';
import type { WalScan } from '../../src/wal/reader.js';
import { scaled, seed, temporaryDirectory } from '../support/env.js';
import { LogFixture, type OWNER, type WrittenFrame, withContent } from './log-fixture.js';
import { anyRecord, Collector, type LogRecord } from './log-records.js';

const HEADER = layout.SEGMENT_HEADER_BYTES;

const root = temporaryDirectory();

function newLog(lastLsn = 0): LogFixture {
  return new LogFixture(nodeFileSystem(), mkdtempSync(join(root, 'log-')), { lastLsn });
}

/** What a scan came to: the records heard, and whether the rest was called torn; or corruption. */
type Finding = { records: readonly LogRecord[]; torn: boolean; scan: WalScan } | { corrupt: string };

function find(log: LogFixture, fromLsn = 0): Finding {
  const finding = findInOrder(log, fromLsn);
  const heard = new Collector();
  const inTreeOrder = () => log.scan({ fromLsn, visitor: heard, inTreeOrder: true });
  if ('corrupt' in finding) assert.throws(inTreeOrder, ({ code }: LeaseStoreError) => code === 'ERR_HOLDFAST_CORRUPT');
  else {
    assert.equal(inTreeOrder(), finding.scan);
    const records = heard.lsns.map((lsn, i) => [lsn, heard.records[i]] as const).sort(([a], [b]) => a - b);
    assert.equal(
      records,
      finding.records.map((record, i) => [fromLsn + 1 + i, record]),
    );
  }
  return finding;
}

function findInOrder(log: LogFixture, fromLsn: number): Finding {
  try {
    const { scan, heard } = log.replay(fromLsn);
    assert.equal(
      heard.lsns,
      heard.lsns.map((_, i) => fromLsn + 1 + i),
    );
    return { records: heard.records, torn: scan.torn !== undefined, scan };
  } catch (error) {
    assert.instance(error, LeaseStoreError);
    assert.is((error as LeaseStoreError).code, 'ERR_HOLDFAST_CORRUPT');
    return { corrupt: (error as LeaseStoreError).message };
  }
}

function expectCorrupt(log: LogFixture, why: RegExp, fromLsn = 0): void {
  const finding = find(log, fromLsn);
  assert.match('corrupt' in finding ? finding.corrupt : 'no error', why);
}

test('a log of many segments and epochs reads back as it was written', () => {
  const act = fc.oneof(
    { weight: 6, arbitrary: fc.array(anyRecord, { maxLength: 6 }) },
    { weight: 2, arbitrary: fc.constant('sync' as const) },
    { weight: 1, arbitrary: fc.constant('roll' as const) },
    { weight: 1, arbitrary: fc.constant('reopen' as const) },
  );
  const property = fc.property(fc.array(act, { maxLength: 30 }), fc.nat(1000), fc.nat(), (acts, lastLsn, from) => {
    const log = newLog(lastLsn);
    for (const step of acts) {
      if (typeof step !== 'string') log.appendRecords(step);
      else {
        log.sync();
        if (step === 'roll') log.roll();
        if (step === 'reopen') log.reopen();
      }
    }
    const fromLsn = lastLsn + (from % (log.records.length + 1));
    const finding = find(log, fromLsn);
    assert.not('corrupt' in finding);
    if ('corrupt' in finding) return;
    assert.equal(finding.records, log.records.slice(fromLsn - lastLsn));
    const { scan } = finding;
    assert.is(scan.torn, undefined);
    assert.is(scan.lastLsn, log.writer.lastLsn);
    assert.is(scan.lastEpoch, log.writer.epoch);
    assert.is(scan.lastSegmentId, log.writer.segmentId);
    assert.is(scan.lastStoreMs, log.storeMs);
    assert.equal(
      scan.segments.map((segment) => segment.path),
      log.paths,
    );
    log.writer.close();
  });
  fc.assert(property, { seed, numRuns: scaled(100, 3000) });
});

test('a directory without segments is an empty log', () => {
  const files = nodeFileSystem();
  const log = newLog();
  unlinkSync(log.paths[0]);
  const scan = log.scan({ fromLsn: 17 });
  assert.equal(scan, { lastLsn: 17, durableLsn: 17, lastStoreMs: 0, lastEpoch: 0, lastSegmentId: 0, segments: [] });
  assert.equal(files.list(log.directory), []);
});

/** A log with everything that decides between torn and corrupt: marks, rolls, epochs, synced and unsynced ends. */
function richLog(): LogFixture {
  const log = newLog();
  log.append(2);
  log.append(1);
  log.sync();
  log.append(0);
  log.append(1);
  log.sync();
  log.append(0);
  log.roll();
  log.append(2);
  log.append(1);
  log.sync();
  log.append(0);
  log.sync();
  log.reopen();
  log.append(1);
  log.append(2);
  log.sync();
  log.append(0);
  log.append(1);
  log.append(1);
  return log;
}

/** What must come of damage to `frame`, as the rules say it. */
function verdictFor(log: LogFixture, frame: WrittenFrame): 'corrupt' | 'exact' | 'torn' {
  const later = log.frames.filter((other) => other.segmentId === frame.segmentId && other.from > frame.from);
  const isLastSegment = frame.segmentId === log.writer.segmentId;
  if (frame.count === 0) {
    if (later.length > 0) return 'exact';
    if (isLastSegment) return 'torn';
    // The one segment that a later epoch followed is the second.
    return frame.segmentId === 2 ? 'exact' : 'corrupt';
  }
  if (!isLastSegment || later.some((other) => other.durableLsn >= frame.firstLsn)) return 'corrupt';
  return 'torn';
}

function expectVerdict(log: LogFixture, frame: WrittenFrame, finding: Finding, where: string): void {
  const verdict = verdictFor(log, frame);
  if ('corrupt' in finding) {
    assert.is('corrupt', verdict, `${where}: ${finding.corrupt}`);
    return;
  }
  assert.is(finding.torn ? 'torn' : 'exact', verdict, where);
  assert.equal(finding.records, verdict === 'exact' ? log.records : log.records.slice(0, frame.firstLsn - 1), where);
  if (finding.scan.torn !== undefined) assert.is(finding.scan.torn.offset, frame.from, where);
}

test('every bit of a log, flipped: the exact log, a torn end that nothing contradicts, or corruption', () => {
  const log = richLog();
  let flips = 0;
  log.paths.forEach((path, i) => {
    const content = readFileSync(path);
    const fd = openSync(path, 'r+');
    for (let bit = 0; bit < content.length * 8; bit++) {
      const byte = bit >>> 3;
      writeSync(fd, Uint8Array.of(content[byte] ^ (1 << (bit & 7))), 0, 1, byte);
      const finding = find(log);
      writeSync(fd, content, byte, 1, byte);
      const where = `bit ${bit & 7} of byte ${byte} of segment ${i + 1}`;
      const frame = log.frames.find((f) => f.segmentId === i + 1 && f.from <= byte && byte < f.to);
      if (frame === undefined) assert.ok('corrupt' in finding, where);
      else expectVerdict(log, frame, finding, where);
      flips++;
    }
    closeSync(fd);
  });
  assert.ok(flips > 8000);
});

test('the last segment cut off at any byte: the frames before it, and the rest torn', () => {
  const log = richLog();
  const last = log.paths.at(-1) as string;
  const id = log.writer.segmentId;
  const length = readFileSync(last).length;
  const before = log.frames.filter((frame) => frame.segmentId < id).reduce((sum, frame) => sum + frame.count, 0);
  for (let cut = length - 1; cut >= 0; cut--) {
    truncateSync(last, cut);
    const finding = find(log);
    if ('corrupt' in finding) throw new Error(`cut at ${cut}: ${finding.corrupt}`);
    const whole = log.frames.filter((frame) => frame.segmentId === id && frame.to <= cut);
    const records = before + whole.reduce((sum, frame) => sum + frame.count, 0);
    assert.equal(finding.records, log.records.slice(0, records), `cut at ${cut}`);
    const end = cut < HEADER ? 0 : (whole.at(-1)?.to ?? HEADER);
    // A file of no bytes is torn as well: it has no header.
    assert.is(finding.torn, cut < HEADER || cut > end, `cut at ${cut}`);
    if (finding.scan.torn === undefined) continue;
    assert.is(finding.scan.torn.offset, end);
    assert.is(finding.scan.torn.bytes, cut - end);
  }
});

test('an earlier segment cut off at any byte is corrupt, unless only a mark is gone', () => {
  const log = richLog();
  for (const segmentId of [1, 2]) {
    const path = log.paths[segmentId - 1];
    const content = readFileSync(path);
    const lastData = log.frames
      .filter((frame) => frame.segmentId === segmentId && frame.count > 0)
      .at(-1) as WrittenFrame;
    for (let cut = content.length - 1; cut >= 0; cut--) {
      truncateSync(path, cut);
      const finding = find(log);
      // A mark that is gone without a trace, or in part before a later epoch, hides nothing.
      const isExact = segmentId === 2 ? cut >= lastData.to : cut === lastData.to;
      if (isExact) assert.ok('records' in finding && finding.records.length === log.records.length);
      else assert.ok('corrupt' in finding, `segment ${segmentId} cut at ${cut}`);
    }
    writeFileSync(path, content);
  }
});

test('the last segment overwritten from any byte to its end, with zeros or noise, is torn', () => {
  const log = richLog();
  const last = log.paths.at(-1) as string;
  const frames = log.frames.filter((frame) => frame.segmentId === log.writer.segmentId);
  for (const fill of [() => 0, (i: number) => (i * 167 + 13) & 0xff]) {
    const content = readFileSync(last);
    const fd = openSync(last, 'r+');
    for (let from = content.length - 1; from >= HEADER; from--) {
      const frame = frames.find((f) => f.from <= from && from < f.to) as WrittenFrame;
      writeSync(fd, Uint8Array.of(fill(from)), 0, 1, from);
      const finding = find(log);
      if ('corrupt' in finding) throw new Error(`from ${from}: ${finding.corrupt}`);
      // Filling may write what was there before; then more of the log is whole.
      assert.ok(finding.records.length >= frame.firstLsn - 1, `from ${from}`);
      assert.equal(finding.records, log.records.slice(0, finding.records.length));
    }
    writeSync(fd, content, 0, content.length, 0);
    closeSync(fd);
  }
});

test('an unsynced frame that is missing is torn, even with whole unsynced frames behind it', () => {
  const log = newLog();
  log.append(2);
  log.sync();
  log.append(3);
  log.append(1);
  log.append(0);
  const lost = log.frames[1];
  const zeroed = (content: Buffer) => content.fill(0, lost.from, lost.to);
  const finding = withContent(log.paths[0], zeroed, () => find(log));
  assert.ok('scan' in finding);
  if (!('scan' in finding)) return;
  assert.is(finding.scan.lastLsn, 2);
  assert.match(finding.scan.torn?.reason ?? '', /2 later frames are whole, but nothing shows that LSN 3 was durable/);
});

test('a synced last frame that is missing is corruption once a mark tells of it', () => {
  const log = newLog();
  log.append(2);
  log.append(1);
  log.sync();
  const zeroed = (content: Buffer) => content.fill(0, log.frames[1].from, log.frames[1].to);
  withContent(log.paths[0], zeroed, () => assert.ok('scan' in find(log)));
  log.append(0);
  withContent(log.paths[0], zeroed, () => expectCorrupt(log, /a later frame shows that LSN 3 was durable/));
});

test('a damaged mark between frames hides nothing', () => {
  const log = newLog();
  log.append(1);
  log.sync();
  log.append(0);
  log.append(0);
  log.append(2);
  const noise = (content: Buffer) => content.fill(0x5a, log.frames[1].from, log.frames[2].to);
  const finding = withContent(log.paths[0], noise, () => find(log));
  assert.ok('scan' in finding && finding.records.length === 3 && !finding.torn);
});

test('a log that ends before the checkpoint it is replayed on is corrupt', () => {
  const log = newLog();
  log.append(2);
  log.append(2);
  expectCorrupt(log, /the log ends at LSN 4, and a checkpoint shows that it went on to 5/, 5);
  const cut = (content: Buffer) => content.subarray(0, log.frames[1].from + 8);
  withContent(log.paths[0], cut, () => expectCorrupt(log, /a checkpoint shows that LSN 3 was durable/, 3));
  withContent(log.paths[0], cut, () => assert.ok('scan' in find(log, 2)));
});

test('a log that starts behind what is needed is corrupt', () => {
  const log = newLog(100);
  log.append(1);
  expectCorrupt(log, /starts at LSN 101 and is needed from 100/, 99);
  assert.ok('scan' in find(log, 100));
});

test('a missing segment is corruption if it is needed, and nothing if it is not', () => {
  const log = newLog();
  for (let i = 0; i < 4; i++) {
    log.append(2);
    log.sync();
    log.roll();
  }
  unlinkSync(log.paths[1]);
  expectCorrupt(log, /an older segment is missing/, 0);
  expectCorrupt(log, /an older segment is missing/, 3);
  const finding = find(log, 4);
  assert.ok('scan' in finding && finding.records.length === 4);
  if ('scan' in finding)
    assert.equal(
      finding.scan.segments.map((s) => s.id),
      [3, 4, 5],
    );
});

test('segments that a checkpoint covers are not read', () => {
  const log = newLog();
  for (let i = 0; i < 3; i++) {
    log.append(2);
    log.sync();
    log.roll();
  }
  const noise = (content: Buffer) => content.fill(0x5a, HEADER);
  withContent(log.paths[0], noise, () => {
    const finding = find(log, 2);
    assert.ok('scan' in finding && finding.scan.lastLsn === 6 && finding.scan.segments.length === 4);
    expectCorrupt(log, /the next segment shows that it was durable/, 1);
  });
});

test('a segment of another store, shard, place or version is refused', () => {
  const log = newLog();
  log.append(1);
  const scanAs = (owner: Partial<typeof OWNER>) => () => log.scan(owner);
  assert.throws(scanAs({ storeId: new Uint8Array(16) }), /belongs to another store/);
  assert.throws(scanAs({ shard: 4 }), /belongs to shard 3, not 4/);
  const withWord = (at: number, value: number) => (content: Buffer) => {
    content.writeUInt32LE(value, at * 4);
    content.writeUInt32LE(crc32(content.subarray(layout.SEGMENT_CHECKED_BYTE, HEADER)), layout.SEGMENT_CRC * 4);
    return content;
  };
  withContent(log.paths[0], withWord(layout.SEGMENT_ID, 9), () => expectCorrupt(log, /it is segment 9, not 1/));
  withContent(log.paths[0], withWord(layout.SEGMENT_VERSION, 2), () => {
    assert.throws(
      () => log.scan(),
      (error: LeaseStoreError) => error.code === 'ERR_HOLDFAST_FORMAT',
    );
  });
});

test('frames that an earlier file of the same number left behind the header are not of this one', () => {
  // A segment whose making was cut off is removed and made again, with the same number and epoch; its blocks may come back.
  const log = newLog();
  log.append(2);
  const resalted = (content: Buffer) => {
    content.writeUInt32LE((log.writer.salt ^ 1) >>> 0, layout.SEGMENT_SALT * 4);
    content.writeUInt32LE(crc32(content.subarray(layout.SEGMENT_CHECKED_BYTE, HEADER)), layout.SEGMENT_CRC * 4);
    return content;
  };
  withContent(log.paths[0], resalted, () => {
    const finding = find(log);
    assert.ok('torn' in finding && finding.torn && finding.records.length === 0);
  });
});

test('segments whose epochs or LSNs fall are corrupt', () => {
  const log = newLog(10);
  log.append(1);
  log.sync();
  log.reopen();
  const second = (word: number, value: number) => (content: Buffer) => {
    content.writeUInt32LE(value, word * 4);
    content.writeUInt32LE(crc32(content.subarray(layout.SEGMENT_CHECKED_BYTE, HEADER)), layout.SEGMENT_CRC * 4);
    return content;
  };
  const path = log.paths[1];
  withContent(path, second(layout.SEGMENT_EPOCH, 0), () => expectCorrupt(log, /epoch 0 comes after 1/, 10));
  withContent(path, second(layout.SEGMENT_FIRST_LSN, 5), () => expectCorrupt(log, /LSN 5 comes after 11/, 10));
  withContent(path, second(layout.SEGMENT_FIRST_LSN, 13), () => {
    expectCorrupt(log, /the segment before it ends at LSN 11, and this one starts at 13/, 10);
  });
});

test('a torn header is torn only where nothing can be behind it', () => {
  const log = newLog();
  log.append(1);
  log.sync();
  log.roll();
  const noise = (content: Buffer) => content.fill(0x5a, 0, 4);
  withContent(log.paths[1], noise, () => {
    const finding = find(log);
    assert.ok('scan' in finding && finding.scan.torn?.offset === 0 && finding.scan.lastSegmentId === 1);
    // The roll that made the second segment says that the first was durable to its end.
    withContent(
      log.paths[0],
      (content) => content.subarray(0, -1),
      () => expectCorrupt(log, /start of a next segment/),
    );
  });
  withContent(log.paths[0], noise, () => expectCorrupt(log, /does not start like a segment/));
  log.append(1);
  withContent(log.paths[1], noise, () => expectCorrupt(log, /does not start like a segment/));
});

test('impossible lengths are damage, and cost no memory', () => {
  const log = newLog();
  log.append(1);
  const frame = log.frames[0];
  for (const length of [0, 4, layout.FRAME_HEADER_BYTES - 4, 61, layout.FRAME_BYTES_MAX + 4, 0x7ffffffc, 0xffffffff]) {
    const withLength = (content: Buffer) => {
      content.writeUInt32LE(length, frame.from + layout.FRAME_BYTES * 4);
      return content;
    };
    const before = process.memoryUsage().arrayBuffers;
    withContent(log.paths[0], withLength, () => {
      const finding = find(log);
      assert.ok('scan' in finding && finding.torn && finding.records.length === 0, String(length));
    });
    assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
  }
});

test('a frame that checks out and contradicts itself is corrupt, never torn', () => {
  const log = newLog();
  log.append(1);
  const frame = log.frames[0];
  const withWords = (changes: readonly (readonly [number, number])[]) => (content: Buffer) => {
    for (const [word, value] of changes) content.writeUInt32LE(value, frame.from + word * 4);
    const checked = content.subarray(frame.from + layout.FRAME_CHECKED_BYTE, frame.to);
    content.writeUInt32LE(crc32(checked), frame.from + layout.FRAME_CRC * 4);
    return content;
  };
  const expect = (why: RegExp, ...changes: readonly (readonly [number, number])[]) => {
    withContent(log.paths[0], withWords(changes), () => expectCorrupt(log, why));
  };
  expect(/claims that 1 is durable/, [layout.FRAME_DURABLE_LSN, 1]);
  expect(/starts at LSN 2 where 1 comes next/, [layout.FRAME_FIRST_LSN, 2]);
  expect(/ends before its last record/, [layout.FRAME_COUNT, 2]);
  expect(/claims 0 records in \d+ bytes/, [layout.FRAME_COUNT, 0]);
  expect(/claims 4000000000 records/, [layout.FRAME_COUNT, 4_000_000_000]);
  expect(/damaged at byte \d+: a number past 2\^53/, [
    layout.FRAME_HEADER_WORDS + layout.LEASE_EXPIRES + 1,
    0xffffffff,
  ]);
  expect(/unknown kind 0/, [layout.FRAME_HEADER_WORDS, 0x0003_00_00]);
});

test('a file of nothing but overlapping frame starts ends the search', () => {
  const log = newLog();
  log.append(1);
  const path = log.paths[0];
  const head = readFileSync(path).subarray(log.frames[0].from, log.frames[0].from + layout.FRAME_HEADER_BYTES);
  const start = Buffer.from(head);
  const copies = 20_000;
  assert.is(start.readUInt32LE(0), FRAME_MAGIC);
  start.writeUInt32LE((copies / 2) * layout.FRAME_HEADER_BYTES, layout.FRAME_BYTES * 4);
  const hostile = (content: Buffer) => Buffer.concat([content.subarray(0, HEADER), ...Array(copies).fill(start)]);
  withContent(path, hostile, () => expectCorrupt(log, /looks like frames/));
});

test('frames longer than the window, up to the limit, are read', () => {
  const log = newLog();
  const value = 'v'.repeat(4096);
  const lease = { token: 1, expiresAtMs: 2, ttlMs: 3, renewals: 4 };
  const record: LogRecord = { kind: 'renew', type: 't', id: 'i', lease, value };
  for (const count of [300, 1, 4000, 2]) log.appendRecords(Array(count).fill(record));
  const progress: number[] = [];
  const scan = log.scan({ onProgress: (done, total) => progress.push(done / total) });
  assert.is(scan.lastLsn, 4303);
  assert.is(progress.at(-1), 1);
  const finding = find(log);
  assert.ok(
    'scan' in finding &&
      finding.records.length === 4303 &&
      finding.records.every((r) => 'value' in r && r.value === value),
  );
});

test.run();
