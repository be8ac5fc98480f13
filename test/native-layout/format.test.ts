import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as format from '../../native-layout/format.js';

test('magic numbers read as text in a hex dump, and differ', () => {
  const magics = {
    HFSG: format.SEGMENT_MAGIC,
    HFFR: format.FRAME_MAGIC,
    HFCK: format.CHECKPOINT_MAGIC,
    HFCE: format.CHECKPOINT_END_MAGIC,
    HFSC: format.CONTROL_MAGIC,
  };
  for (const [text, magic] of Object.entries(magics)) {
    assert.is(Buffer.from(Uint32Array.of(magic).buffer).toString('latin1'), text);
  }
});

test('limits agree with one another', () => {
  assert.is(format.TREE_KEY_BYTES_MAX, 4 + 128 + 1 + 256);
  assert.ok(format.TTL_MS_MAX < format.TWO_32, 'a ttl fits a word');
  assert.is(format.TTL_MS_MAX / 86_400_000, 49);
  for (const bytes of [format.NODE_BYTES_MIN, format.NODE_BYTES_DEFAULT, format.NODE_BYTES_MAX]) {
    assert.is(Math.log2(bytes) % 1, 0, 'a power of two');
  }
  assert.ok(format.NODE_BYTES_MIN <= format.NODE_BYTES_DEFAULT && format.NODE_BYTES_DEFAULT <= format.NODE_BYTES_MAX);
  // The longest key with the longest value that stays in a leaf, twice: the least that a leaf must hold to split.
  assert.ok(2 * (format.TREE_KEY_BYTES_MAX + format.NODE_BYTES_MIN / 4 + 60) < format.NODE_BYTES_MIN);
});

test.run();
