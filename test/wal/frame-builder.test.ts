import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VALUE_BYTES_MAX } from '../../native-layout/format.js';
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES, FRAME_HEADER_WORDS } from '../../native-layout/wal-frame.js';
import { Key, KeyEncoder } from '../../src/key.js';
import { FrameBuilder } from '../../src/wal/frame-builder.js';
import { RecordReader } from '../../src/wal/record-reader.js';
import { scaled, seed } from '../support/env.js';
import { addRecord, anyRecord, Collector, type LogRecord, smallRecord } from './log-records.js';

const HOME = { segmentId: 7, epoch: 3, salt: 0x9e3779b9 };

function decode(frame: Uint8Array, count: number, firstLsn: number, fromLsn = 0): Collector {
  const bytes = frame.slice();
  const words = new Uint32Array(bytes.buffer);
  const collector = new Collector();
  const reader = new RecordReader(collector);
  const failure = reader.read(words, bytes, FRAME_HEADER_WORDS, words.length, count, firstLsn, fromLsn, 0);
  assert.is(failure, undefined);
  return collector;
}

test('what goes into a frame comes out of it', () => {
  // One builder for all runs: what an earlier frame left in the buffer must not show.
  const builder = new FrameBuilder();
  const property = fc.property(fc.array(anyRecord, { maxLength: 40 }), fc.nat(), (records, before) => {
    builder.begin(before + 1, 5.5, before);
    for (const record of records) addRecord(builder, record);
    assert.is(builder.count, records.length);
    const bytes = builder.bytes;
    const frame = builder.finish(HOME);
    assert.is(frame.length, bytes);
    const heard = decode(frame, records.length, before + 1);
    assert.equal(heard.records, records);
    assert.equal(
      heard.lsns,
      records.map((_, i) => before + 1 + i),
    );
  });
  fc.assert(property, { seed, numRuns: scaled(300, 20_000) });
});

test('the same records make the same bytes, whatever the buffer held before', () => {
  const records = Array.from({ length: 20 }, (_, n) => smallRecord(n));
  const build = (builder: FrameBuilder) => {
    builder.begin(1, 0, 0);
    for (const record of records) addRecord(builder, record);
    return builder.finish(HOME).slice();
  };
  const used = new FrameBuilder();
  used.begin(1, 0, 0);
  while (used.bytes < 40_000) {
    const lease = { token: 2 ** 53 - 1, expiresAtMs: 2 ** 53 - 1, ttlMs: 2 ** 32 - 1, renewals: 2 ** 32 - 1 };
    addRecord(used, { kind: 'renew', type: '~~~', id: '~~~~~', lease, value: '\xff'.repeat(99) });
  }
  assert.equal(build(used), build(new FrameBuilder()));
});

test('records up to an LSN are passed over', () => {
  const builder = new FrameBuilder();
  builder.begin(11, 0, 10);
  const records = Array.from({ length: 10 }, (_, n) => smallRecord(n));
  for (const record of records) addRecord(builder, record);
  const heard = decode(builder.finish(HOME), 10, 11, 17);
  assert.equal(heard.lsns, [18, 19, 20]);
  assert.equal(heard.records, records.slice(7));
});

test('a durable mark is a header', () => {
  const builder = new FrameBuilder();
  builder.begin(5, 0, 4);
  assert.is(builder.finish(HOME).length, FRAME_HEADER_BYTES);
});

test('a frame grows up to its limit and says when it is full', () => {
  const builder = new FrameBuilder();
  builder.begin(1, 0, 0);
  const records: LogRecord[] = [];
  for (let n = 0; !builder.full; n++) {
    const lease = { token: n, expiresAtMs: n, ttlMs: 1, renewals: n };
    const value = String.fromCharCode(33 + (n % 90)).repeat(VALUE_BYTES_MAX);
    records.push({ kind: 'grant', type: 't'.repeat(128), id: 'i'.repeat(256), owner: 'o'.repeat(128), lease, value });
    addRecord(builder, records[n]);
  }
  const frame = builder.finish(HOME);
  assert.ok(frame.length <= FRAME_BYTES_MAX && frame.length > FRAME_BYTES_MAX - 10_000);
  assert.equal(decode(frame, records.length, 1).records, records);
});

test('as many removals fit a frame as it said, at whatever length', () => {
  const builder = new FrameBuilder();
  const key = new KeyEncoder().encode(new Key(), { type: 't'.repeat(128), id: 'i'.repeat(256) });
  const value = new Uint8Array(VALUE_BYTES_MAX);
  const owner = Buffer.from('o');
  let said = 0;
  for (let grants = 1; ; grants++) {
    builder.begin(1, 0, 0);
    for (let i = 0; i < grants && !builder.full; i++) builder.grant(key, owner, 1, 1, 1, 0, value);
    if (builder.full) break;
    // Only near the end: there it is that an error shows.
    if (builder.roomForRemovals > 40) continue;
    said = builder.roomForRemovals;
    for (let i = said; i > 0; i--) builder.remove(key, 1, 'expired');
    assert.not(builder.full);
    builder.ceiling(1);
    assert.ok(builder.finish(HOME).length <= FRAME_BYTES_MAX);
  }
  builder.begin(1, 0, 0);
  while (!builder.full) builder.remove(key, 1, 'expired');
  assert.is(builder.roomForRemovals, 0);
});

test('the builder refuses what cannot be a lease', () => {
  const builder = new FrameBuilder();
  assert.throws(() => builder.begin(5, 0, 5), /cannot be durable/);
  builder.begin(5, 0, 4);
  const key = new KeyEncoder().encode(new Key(), { type: 't', id: 'i' });
  assert.throws(() => builder.renew(key, 1, 1, 1, 1, new Uint8Array(VALUE_BYTES_MAX + 1)), /past its limit/);
  assert.throws(
    () => builder.remove(new Key().setBytes(Buffer.from('no-id')), 1, 'released'),
    /not the key of a lease/,
  );
});

test.run();
