import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as layout from '../../native-layout/checkpoint-file.js';
import { diagram } from '../../native-layout/fields.js';

test('header', () => {
  assert.is(
    diagram('checkpoint header', layout.CHECKPOINT_HEADER_LAYOUT),
    `checkpoint header (68 bytes)
offset  bytes  field
     0      4  magic "HFCK"
     4      4  CRC-32 of the rest of the header
     8      4  format version
    12      4  shard
    16     16  store id
    32      4  node bytes: no image is longer
    36      8  cut: LSN of the last record that it holds
    44      8  commit number
    52      8  store time, ms
    60      8  token ceiling`,
  );
});

test('image', () => {
  assert.is(
    diagram('before each image', layout.IMAGE_LAYOUT),
    `before each image (8 bytes)
offset  bytes  field
     0      4  bytes of the image
     4      4  CRC-32 of the image, from the CRC of the header`,
  );
});

test('footer', () => {
  assert.is(
    diagram('checkpoint footer', layout.CHECKPOINT_FOOTER_LAYOUT),
    `checkpoint footer (48 bytes)
offset  bytes  field
     0      4  magic "HFCE"
     4      4  CRC-32 of the rest of the footer, from the CRC of the header
     8      8  bytes of the file
    16      4  images
    20      4  CRC-32 of the CRCs of the images, in order
    24     24  root and entries of each tree`,
  );
  assert.is(
    diagram('tree in the footer', layout.CHECKPOINT_TREE_LAYOUT),
    `tree in the footer (8 bytes)
offset  bytes  field
     0      4  ordinal of the root, 0 in an empty tree
     4      4  entries`,
  );
});

test.run();
