import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { diagram } from '../../native-layout/fields.js';
import * as layout from '../../native-layout/wal-frame.js';

test('segment header', () => {
  assert.is(
    diagram('segment header', layout.SEGMENT_HEADER_LAYOUT),
    `segment header (68 bytes)
offset  bytes  field
     0      4  magic "HFSG"
     4      4  CRC-32 of the rest of the header
     8      4  format version
    12      4  shard
    16     16  store id
    32      8  segment id
    40      8  epoch: rises with every open of the store
    48      8  LSN of the first record; all before it was durable
    56      8  store time, ms
    64      4  salt: random, repeated by every frame`,
  );
});

test('frame header', () => {
  assert.is(
    diagram('frame header', layout.FRAME_HEADER_LAYOUT),
    `frame header (60 bytes)
offset  bytes  field
     0      4  magic "HFFR"
     4      4  CRC-32 of all that follows in the frame
     8      4  salt of the segment
    12      4  bytes of the frame, this header included
    16      4  records; 0 in a durable mark
    20      8  segment id
    28      8  epoch
    36      8  LSN of the first record
    44      8  LSN known durable when the frame was built
    52      8  store time, ms`,
  );
});

test('records', () => {
  assert.is(
    diagram('start of a record', layout.RECORD_LAYOUT),
    `start of a record (12 bytes)
offset  bytes  field
     0      4  kind 8 bits | flags 8 bits | words of the record 16 bits
     4      8  token; in a shift milliseconds`,
  );
  assert.is(
    diagram('grant or renewal', layout.LEASE_RECORD_LAYOUT),
    `grant or renewal (32 bytes)
offset  bytes  field
     0     12  start of the record
    12      8  expiresAtMs
    20      4  ttlMs
    24      4  renewals
    28      4  owner bytes 16 bits | value bytes 16 bits`,
  );
  assert.is(
    diagram('key', layout.RECORD_KEY_LAYOUT),
    `key (20 bytes)
offset  bytes  field
     0      4  type bytes 8 bits | packed 8 bits | id bytes 16 bits
     4     16  a packed UUID; or the id as text, of any length padded to words`,
  );
});

test('packed words come apart as they were put together', () => {
  for (const [kind, flags, words] of [
    [layout.GRANT, layout.HAS_VALUE, 0xffff],
    [layout.CEILING, 0, 3],
    [255, 255, 0],
  ]) {
    const head = layout.recordHead(kind, flags, words);
    assert.equal([layout.recordKind(head), layout.recordFlags(head), layout.recordWords(head)], [kind, flags, words]);
  }
  const sizes = layout.leaseSizes(128, 4096);
  assert.equal([layout.ownerBytesOf(sizes), layout.valueBytesOf(sizes)], [128, 4096]);
  for (const packed of [true, false]) {
    const key = layout.recordKey(128, packed, 256);
    assert.equal(
      [layout.typeBytesOf(key), layout.packedFlagOf(key), layout.idBytesOf(key)],
      [128, Number(packed), 256],
    );
  }
  assert.equal([0, 1, 3, 4, 5].map(layout.paddedWords), [0, 1, 1, 1, 2]);
});

test.run();
