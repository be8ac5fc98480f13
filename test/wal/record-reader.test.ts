import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FRAME_HEADER_WORDS, LEASE_EXPIRES, RENEW, recordHead } from '../../native-layout/wal-frame.js';
import { FrameBuilder } from '../../src/wal/frame-builder.js';
import { type RecordFailure, RecordReader } from '../../src/wal/record-reader.js';
import { RecordRun } from '../../src/wal/record-run.js';
import { scaled, seed } from '../support/env.js';
import { addRecord, anyRecord, Collector, type LogRecord, smallRecord } from './log-records.js';

/** The words of a frame's records, without its header. */
function recordsOf(records: readonly LogRecord[]): Uint32Array<ArrayBuffer> {
  const builder = new FrameBuilder();
  builder.begin(1, 0, 0);
  for (const record of records) addRecord(builder, record);
  return new Uint32Array(builder.finish({ segmentId: 1, epoch: 1, salt: 1 }).slice().buffer).slice(FRAME_HEADER_WORDS);
}

function read(
  words: Uint32Array<ArrayBuffer>,
  count: number,
): { failure: RecordFailure | undefined; heard: Collector } {
  const heard = new Collector();
  const bytes = new Uint8Array(words.buffer);
  return { failure: new RecordReader(heard).read(words, bytes, 0, words.length, count, 1, 0, 0), heard };
}

test('any bytes are records or a failure that says where', () => {
  const kindAndFlags = fc.tuple(fc.nat(6), fc.nat(255), fc.nat(20));
  const hostile = fc.tuple(kindAndFlags, fc.array(fc.oneof(fc.nat(300), fc.integer()), { maxLength: 40 }));
  const property = fc.property(fc.array(hostile, { maxLength: 4 }), fc.nat(5), (parts, count) => {
    const words = Uint32Array.from(
      parts.flatMap(([[kind, flags, size], rest]) => [recordHead(kind, flags, size), ...rest]),
    );
    const { failure, heard } = read(words, count);
    if (failure === undefined) assert.is(heard.records.length, count);
    else assert.ok(failure.offset >= 0 && failure.offset <= words.length * 4 && failure.why.length > 0);
    const reader = new RecordReader(new Collector(), new RecordRun(words.length * 4));
    const bytes = new Uint8Array(words.buffer);
    const inTreeOrder = reader.read(words, bytes, 0, words.length, count, 1, 0, 0) ?? reader.flush();
    assert.is(inTreeOrder === undefined, failure === undefined);
  });
  fc.assert(property, { seed, numRuns: scaled(3000, 300_000) });
});

test('records with any one word changed are other records or a failure', () => {
  const property = fc.property(
    fc.array(anyRecord, { minLength: 1, maxLength: 4 }),
    fc.nat(),
    fc.oneof(fc.nat(300), fc.integer()),
    (records, place, change) => {
      const words = recordsOf(records);
      const at = place % words.length;
      words[at] = change;
      const { failure, heard } = read(words, records.length);
      if (failure === undefined) assert.is(heard.records.length, records.length);
      else assert.ok(failure.offset <= at * 4, 'found later than it is');
    },
  );
  fc.assert(property, { seed, numRuns: scaled(1000, 100_000) });
});

test('records cut off at any word are a failure', () => {
  const records: LogRecord[] = [
    {
      kind: 'grant',
      type: 'cart',
      id: 'c',
      owner: 'n',
      lease: { token: 1, expiresAtMs: 2, ttlMs: 3, renewals: 4 },
      value: 'v',
    },
    { kind: 'released', type: 'cart', id: 'c', token: 5 },
  ];
  const words = recordsOf(records);
  for (let length = 0; length < words.length; length++) {
    assert.ok(read(words.slice(0, length), 2).failure, `cut to ${length} words`);
  }
  assert.is(read(words, 2).failure, undefined);
  assert.match(read(words, 1).failure?.why ?? '', /goes on behind its last record/);
});

test('numbers past 2^53 are refused', () => {
  const words = Uint32Array.of(recordHead(5, 0, 3), 0, 0x200000);
  assert.match(read(words, 1).failure?.why ?? '', /past 2\^53/);
});

test('lengths are checked before anything is read by them', () => {
  const words = recordsOf([{ kind: 'released', type: 'cart', id: 'c-1', token: 5 }]);
  const key = 3;
  for (const [head, why] of [
    [0xffff_00_04, /key/],
    [0x0003_00_ff, /key of impossible length/],
    [0x0000_00_04, /key of impossible length/],
    [0x0003_01_04, /packed/],
    [0x0024_02_04, /packed/],
  ] as const) {
    const changed = words.slice();
    changed[key] = head;
    assert.match(read(changed, 1).failure?.why ?? '', why);
  }
  assert.match(read(Uint32Array.of(recordHead(RENEW, 0, 3), 0, 0), 1).failure?.why ?? '', /cut short/);
});

/** The records as a reader hands them on that puts them aside, frame by frame. */
function readInTreeOrder(frames: readonly (readonly LogRecord[])[], logBytes: number): Collector {
  const heard = new Collector();
  const reader = new RecordReader(heard, new RecordRun(logBytes));
  let lsn = 1;
  for (const records of frames) {
    const words = recordsOf(records);
    const { length } = records;
    assert.is(reader.read(words, new Uint8Array(words.buffer), 0, words.length, length, lsn, 0, 0), undefined);
    words.fill(0xffffffff);
    lsn += length;
  }
  assert.is(reader.flush(), undefined);
  assert.is(reader.flush(), undefined);
  return heard;
}

const keyOf = (record: LogRecord) => ('id' in record ? `${record.type} ${record.id}` : '');

test('in the order of the tree all records are heard, those of one key in order, and none past one of all leases', () => {
  const few = fc.oneof({ weight: 5, arbitrary: fc.nat(400).map(smallRecord) }, { weight: 1, arbitrary: anyRecord });
  const property = fc.property(
    fc.array(fc.array(few, { maxLength: 60 }), { maxLength: 12 }),
    // The last is more than 32 bits tell.
    fc.constantFrom(300_000, 400_000, 10_000_000, 2 ** 32 + 100),
    (frames, logBytes) => {
      const records = frames.flat();
      const { lsns, records: heard } = readInTreeOrder(frames, logBytes);
      assert.is(new Set(lsns).size, records.length);
      const last = new Map<string, number>();
      let lastShift = 0;
      let latest = 0;
      for (const [i, lsn] of lsns.entries()) {
        assert.equal(heard[i], records[lsn - 1]);
        const { kind } = heard[i];
        if (kind === 'ceiling') continue;
        const key = keyOf(heard[i]);
        assert.ok(lsn > (last.get(key) ?? 0) && lsn > lastShift, `record ${lsn} too late`);
        last.set(key, lsn);
        if (kind === 'extend' || kind === 'full-ttl') {
          assert.ok(lsn > latest, `shift ${lsn} too late`);
          lastShift = lsn;
        }
        latest = Math.max(latest, lsn);
      }
    },
  );
  fc.assert(property, { seed, numRuns: scaled(150, 20_000) });
});

test('in the order of the tree neighbours are heard one after the other, a full run at a time', () => {
  const uuidOf = (i: number) =>
    `${((i * 40_503) % 65_536).toString(16).padStart(4, '0')}0000-0000-4000-8000-000000000000`;
  const lease = { token: 1, expiresAtMs: 2, ttlMs: 3, renewals: 4 };
  const renewals = Array.from(
    { length: 3000 },
    (_, i): LogRecord => ({ kind: 'renew', type: 'cart', id: uuidOf(i), lease, value: undefined }),
  );
  const recordBytes = recordsOf(renewals.slice(0, 1)).length * 4;
  const turnsAt = (logBytes: number) =>
    readInTreeOrder([renewals], logBytes).records.reduce(
      (turns, record, i, all) => (i > 0 && keyOf(record) < keyOf(all[i - 1]) ? turns + 1 : turns),
      0,
    );
  assert.is(turnsAt(1e6), 0);
  assert.is(turnsAt(1000 * recordBytes), 2);
});

test('a record that was put aside and cannot be read is told with the place where it lies', () => {
  const records = Array.from({ length: 100 }, (_, i) => smallRecord(4 * i + 1));
  const words = recordsOf(records);
  const each = words.length / records.length;
  words[70 * each + LEASE_EXPIRES + 1] = 0xffffffff;
  const reader = new RecordReader(new Collector(), new RecordRun(1e6));
  assert.is(reader.read(words, new Uint8Array(words.buffer), 0, words.length, 100, 1, 0, 5000), undefined);
  assert.equal(reader.flush(), { offset: 5000 + 70 * each * 4, why: 'a number past 2^53' });
});

test('what a visitor throws is not taken for damage', () => {
  const visitor = new Collector();
  visitor.ceiling = () => {
    throw new TypeError('from the visitor');
  };
  const words = recordsOf([{ kind: 'ceiling', number: 1 }]);
  const reader = new RecordReader(visitor);
  assert.throws(
    () => reader.read(words, new Uint8Array(words.buffer), 0, words.length, 1, 1, 0, 0),
    /from the visitor/,
  );
});

test.run();
