import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SEGMENT_HEADER_BYTES } from '../../native-layout/wal-frame.js';
import { decodeSegmentHeader, encodeSegmentHeader, listSegments, segmentPath } from '../../src/wal/segment.js';
import { seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';

const HEADER = {
  storeId: Uint8Array.from({ length: 16 }, (_, i) => i),
  shard: 255,
  segmentId: 9_999_999_999,
  epoch: Number.MAX_SAFE_INTEGER,
  firstLsn: 2 ** 40 + 5,
  storeMs: 1_700_000_000_000,
  salt: 0xffffffff,
};

test('a header reads back as it was written', () => {
  const number = fc.oneof(fc.nat(), fc.maxSafeNat());
  const header = fc.record(
    {
      storeId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      shard: fc.nat(255),
      segmentId: fc.integer({ min: 1, max: 9_999_999_999 }),
      epoch: number,
      firstLsn: number,
      storeMs: number,
      salt: fc.integer({ min: 0, max: 0xffffffff }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(header, (given) => assert.equal(decodeSegmentHeader('x', encodeSegmentHeader(given)), given)),
    { seed },
  );
});

test('a header with any bit flipped, or cut short, is none', () => {
  const bytes = encodeSegmentHeader(HEADER);
  assert.is(bytes.length, SEGMENT_HEADER_BYTES);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >>> 3] ^= 1 << (bit & 7);
    assert.type(decodeSegmentHeader('x', bytes), 'string');
    bytes[bit >>> 3] ^= 1 << (bit & 7);
  }
  for (let length = 0; length < bytes.length; length++) {
    assert.match(decodeSegmentHeader('x', bytes.subarray(0, length)) as string, /cut short/);
  }
});

test('store time is rounded up, so that recovery never starts before it', () => {
  const header = decodeSegmentHeader('x', encodeSegmentHeader({ ...HEADER, storeMs: 1000.25 }));
  assert.is(typeof header === 'string' ? header : header.storeMs, 1001);
});

test('segments are listed by number; other names are nobody', () => {
  const files = new FaultFileSystem();
  files.makeDirectory('/d');
  for (const id of [12, 3, 1_000_000_000]) files.open(segmentPath('/d', id), 'create').close();
  for (const name of [
    'wal-12.log',
    'wal-0000000004.log.tmp',
    'xwal-0000000004.log',
    'checkpoint-0000000000000001.ckpt',
  ]) {
    files.open(`/d/${name}`, 'create').close();
  }
  assert.equal(
    listSegments(files, '/d').map((segment) => segment.id),
    [3, 12, 1_000_000_000],
  );
  assert.is(listSegments(files, '/d')[0].path, '/d/wal-0000000003.log');
});

test.run();
