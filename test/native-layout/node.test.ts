import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NODE_BYTES_MAX, TREE_KEY_BYTES_MAX, UUID_BYTES } from '../../native-layout/format.js';
import * as layout from '../../native-layout/node.js';

test('a slot names every cell that a node can have', () => {
  const words = NODE_BYTES_MAX / 4;
  for (const cell of [layout.SLOTS, 1000, words / 2, words - 1]) {
    for (const suffix of [0, 1, UUID_BYTES, TREE_KEY_BYTES_MAX]) {
      for (const payload of [0, 1, layout.BRANCH_WORDS, layout.PAYLOAD_WORDS_MAX]) {
        const loc = layout.slotLoc(cell, suffix, payload);
        assert.ok(loc >= 0 && loc < 2 ** 32);
        assert.is(layout.cellWordOf(loc), cell);
        assert.is(layout.suffixBytesOf(loc), suffix);
        assert.is(layout.payloadWordsOf(loc), payload);
      }
    }
  }
});

test('a cell holds the payload and what the head leaves of the key', () => {
  assert.is(layout.cellWords(0, 3), 3);
  assert.is(layout.cellWords(layout.HEAD_BYTES, 0), 0);
  assert.is(layout.cellWords(layout.HEAD_BYTES + 1, 0), 1);
  assert.is(layout.cellWords(UUID_BYTES, 8), 11);
  assert.is(layout.cellWords(TREE_KEY_BYTES_MAX, 0), Math.ceil((TREE_KEY_BYTES_MAX - 4) / 4));
});

test('headers end where slots and values begin, on eight bytes', () => {
  assert.is(layout.NODE_HEADER_BYTES % 8, 0);
  assert.is(layout.SLOTS * 4, layout.NODE_HEADER_BYTES);
  assert.is(layout.VALUE_DATA_BYTES, layout.NODE_HEADER_BYTES + 8);
  assert.is(layout.NODE_HEADER_LAYOUT.bytes, layout.NODE_HEADER_BYTES);
  assert.is(layout.SLOT_LAYOUT.bytes, layout.SLOT_BYTES);
});

test.run();
