import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VALUE_BYTES_MAX } from '../../native-layout/format.js';
import { VALUE_START } from '../../native-layout/lease-record.js';
import { NIL, PAYLOAD_WORDS_MAX, VALUE_DATA_BYTES } from '../../native-layout/node.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Slabs } from '../../src/memory/slabs.js';
import { LEASES } from '../../src/tree/kinds.js';
import { Node } from '../../src/tree/node.js';
import {
  inlineValueBytesMax,
  readValue,
  retireValue,
  storeValue,
  valueNodes,
  valueNodesFor,
} from '../../src/tree/values.js';
import { seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';

const NODE_SIZES = [2048, 4096, 8192, 16384];

test('values of every length come back, and their nodes too', () => {
  const random = new Random(seed);
  for (const nodeBytes of NODE_SIZES) {
    const slabs = Slabs.reserve(nodeBytes, 1 << 20);
    const allocator = new NodeAllocator(slabs, 0);
    const node = new Node(slabs);
    const room = nodeBytes - VALUE_DATA_BYTES;
    const lengths = [1, 3, 4, room - 1, room, room + 1, 2 * room, 2 * room + 1, VALUE_BYTES_MAX];
    for (const length of lengths) {
      const value = new Uint8Array(length).map(() => random.u32());
      const first = storeValue(node, allocator, LEASES.id, value);
      const nodes = [...valueNodes(node, first)];
      assert.is(nodes.length, valueNodesFor(nodeBytes, length));
      assert.is(nodes.length, allocator.born);
      assert.equal(readValue(node, first, new Uint8Array(length)), value, `${length} bytes in nodes of ${nodeBytes}`);
      retireValue(node, allocator, first);
      assert.is(allocator.born, 0);
    }
  }
});

test('no bytes, no nodes', () => {
  const slabs = Slabs.reserve(2048, 1 << 20);
  const allocator = new NodeAllocator(slabs, 0);
  assert.is(storeValue(new Node(slabs), allocator, LEASES.id, new Uint8Array(0)), NIL);
  assert.equal([...valueNodes(new Node(slabs), NIL)], []);
});

test('what stays in a leaf fits a cell, and four such fit a leaf', () => {
  for (const nodeBytes of NODE_SIZES) {
    const most = inlineValueBytesMax(nodeBytes, VALUE_START);
    assert.ok(VALUE_START + Math.ceil(most / 4) <= PAYLOAD_WORDS_MAX);
    assert.ok(most * 4 <= nodeBytes);
  }
});

test.run();
