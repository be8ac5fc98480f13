import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slabs } from '../../src/memory/slabs.js';
import { Node } from '../../src/tree/node.js';

const MIB = 1 << 20;

test('reserves at least what was asked for, in equal slabs', () => {
  for (const nodeBytes of [2048, 4096, 8192, 16384]) {
    for (const memoryBytes of [1, nodeBytes, 3 * MIB, 64 * MIB, 65 * MIB, 200 * MIB, 1025 * MIB, 1700 * MIB]) {
      const slabs = Slabs.reserve(nodeBytes, memoryBytes);
      assert.ok(slabs.capacity * nodeBytes >= memoryBytes, `${memoryBytes} bytes in nodes of ${nodeBytes}`);
      const spare = Math.max(64 * MIB, memoryBytes / 8);
      assert.ok(slabs.capacity * nodeBytes < memoryBytes + spare, `${memoryBytes} bytes and a slab`);
      const sizes = new Set(slabs.bytes.map(({ byteLength }) => byteLength));
      assert.is(sizes.size, 1);
      assert.ok((slabs.capacity - slabs.bytes[0].byteLength / nodeBytes) * nodeBytes < memoryBytes, 'a slab too many');
    }
  }
});

test('every id has bytes of its own, across slabs', () => {
  const slabs = Slabs.reserve(16384, 130 * MIB);
  const node = new Node(slabs);
  const ids = [1, 2, slabs.mask, slabs.mask + 1, slabs.mask + 2, slabs.capacity - 1];
  for (const id of ids) {
    node.open(id);
    node.words[node.at] = id;
    node.words[node.at + slabs.nodeWords - 1] = id;
  }
  for (const id of ids) {
    node.open(id);
    assert.is(node.words[node.at], id);
    assert.is(node.words[node.at + slabs.nodeWords - 1], id);
  }
});

test('copies a whole node and nothing else, within a slab and from one to another', () => {
  const slabs = Slabs.reserve(2048, 130 * MIB);
  const pattern = Uint32Array.from({ length: slabs.nodeWords }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
  const node = new Node(slabs);
  const wordsOf = (id: number) => node.open(id).words.subarray(node.at, node.at + slabs.nodeWords);
  for (const [from, to] of [
    [5, 7],
    [9, slabs.mask - 1],
    [slabs.mask + 3, 11],
    [slabs.capacity - 2, slabs.mask + 5],
  ]) {
    wordsOf(from).set(pattern);
    slabs.copyNode(from, to);
    assert.equal(wordsOf(to), pattern, `${from} to ${to}`);
    for (const beside of [to - 1, to + 1])
      assert.ok(
        wordsOf(beside).every((word) => word === 0),
        `beside ${to}`,
      );
  }
});

test('a handle shows another thread the same bytes', () => {
  const slabs = Slabs.reserve(2048, MIB);
  const other = new Slabs(slabs.handle);
  assert.is(other.capacity, slabs.capacity);
  slabs.words[0][700] = 42;
  assert.is(other.words[0][700], 42);
});

const RESERVE = `
  import(process.argv[1]).then(({ Slabs }) => {
    try {
      Slabs.reserve(4096, 2 ** 36);
    } catch (error) {
      console.log(error.code, error.message);
    }
  });
`;

test('says what to do when address space is refused', () => {
  const slabs = new URL('../../src/memory/slabs.js', import.meta.url).href;
  const limited = spawnSync('sh', [
    '-c',
    'ulimit -v 8000000 && exec "$0" "$@"',
    process.execPath,
    '-e',
    RESERVE,
    slabs,
  ]);
  assert.match(limited.stdout.toString(), /^ERR_HOLDFAST_FULL cannot reserve .* set a smaller memoryBytesMax/);
});

test('refuses sizes that the layout does not know, and more nodes than there are ids', () => {
  for (const nodeBytes of [1024, 3000, 32768]) assert.throws(() => Slabs.reserve(nodeBytes, MIB), /node size/);
  assert.throws(() => Slabs.reserve(2048, 2 ** 50), /more nodes than ids/);
});

test.run();
