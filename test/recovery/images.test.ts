import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as layout from '../../native-layout/node.js';
import { Key, KeyEncoder } from '../../src/key.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Slabs } from '../../src/memory/slabs.js';
import { loadImage, TreeSaver } from '../../src/recovery/images.js';
import { LeaseTable, type Roots } from '../../src/table/lease-table.js';
import { LEASES, NAMES, OWNERS } from '../../src/tree/kinds.js';
import { scaled, seed } from '../support/env.js';
import { storedLeases } from '../support/stored-leases.js';
import { Random } from '../support/tree-random.js';

const EMPTY: Roots = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };

/** Leases of all sorts, with the holes that removals leave. */
function fill(table: LeaseTable, allocator: NodeAllocator, random: Random, leases: number): void {
  const encoder = new KeyEncoder();
  const key = new Key();
  for (let i = 0; i < leases; i++) {
    const id = i % 2 === 0 ? `${random.below(leases)}` : `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`;
    encoder.encode(key, { type: `type ${i % 3}`, id });
    const value = random.chance(0.2) ? Buffer.alloc(random.below(4097), i) : undefined;
    const found = table.find(key);
    if (found && random.chance(0.5)) table.remove(key);
    else table.grant(key, found, Buffer.from(`node ${random.below(9)}`), i + 1, 1e12 + i, 1000, i, value);
    if (i % 50 === 0) {
      allocator.published();
      allocator.reclaim([]);
    }
  }
  allocator.published();
}

function save(slabs: Slabs, roots: Roots): { images: Uint8Array[]; roots: Roots } {
  const images: Uint8Array[] = [];
  const saver = new TreeSaver(slabs, (head, tail) => images.push(new Uint8Array([...head, ...tail])));
  return {
    images,
    roots: {
      ...roots,
      leases: saver.save(LEASES, roots.leases),
      owners: saver.save(OWNERS, roots.owners),
      names: saver.save(NAMES, roots.names),
    },
  };
}

/** Over memory that is full of something else. */
function load(images: readonly Uint8Array[], nodeBytes: number): Slabs {
  const slabs = Slabs.reserve(nodeBytes, (images.length + 100) * nodeBytes);
  for (const words of slabs.words) words.fill(0xdeadbeef);
  for (const [i, image] of images.entries()) assert.ok(loadImage(slabs, i + 1, image));
  return slabs;
}

test('trees that are saved and loaded hold the same leases, and the same images once more', () => {
  for (let n = 0; n < scaled(6, 100); n++) {
    const random = new Random(seed + n);
    const nodeBytes = random.pick([2048, 4096, 16384]);
    const slabs = Slabs.reserve(nodeBytes, 1 << 24);
    const allocator = new NodeAllocator(slabs, 0);
    const table = new LeaseTable(slabs, allocator, EMPTY);
    fill(table, allocator, random, [0, 1, 5, 300, 1500, 3000][n % 6]);
    const saved = save(slabs, table.roots);
    const loaded = load(saved.images, nodeBytes);
    assert.equal(storedLeases(loaded, saved.roots), storedLeases(slabs, table.roots));
    assert.equal(save(loaded, saved.roots), saved);
    // What was loaded can be changed like any other tree.
    const after = new NodeAllocator(loaded, 0);
    after.adoptUnread(saved.images.length);
    const again = new LeaseTable(loaded, after, saved.roots);
    const [first] = storedLeases(loaded, saved.roots).keys();
    if (first === undefined) continue;
    const [type, id] = first.split('/');
    const key = new KeyEncoder().encode(new Key(), { type, id });
    assert.ok(again.find(key));
    again.remove(key);
    const rest = storedLeases(slabs, table.roots);
    rest.delete(first);
    assert.equal(storedLeases(loaded, again.roots), rest);
  }
});

test('an image is no longer than what its node holds', () => {
  const slabs = Slabs.reserve(4096, 1 << 20);
  const allocator = new NodeAllocator(slabs, 0);
  const table = new LeaseTable(slabs, allocator, EMPTY);
  const key = new KeyEncoder().encode(new Key(), { type: 'chat', id: '1' });
  table.grant(key, table.find(key), Buffer.from('n1'), 1, 2, 3, 0, undefined);
  const { images } = save(slabs, table.roots);
  assert.is(images.length, 3);
  for (const image of images) assert.ok(image.length < 200, `${image.length} bytes`);
});

test('an image whose lengths contradict each other is refused', () => {
  const slabs = Slabs.reserve(2048, 1 << 20);
  const allocator = new NodeAllocator(slabs, 0);
  const table = new LeaseTable(slabs, allocator, EMPTY);
  fill(table, allocator, new Random(seed), 200);
  const { images } = save(slabs, table.roots);
  const image = images.find((bytes) => bytes[layout.KIND] === layout.LEAF) as Uint8Array;
  const target = Slabs.reserve(2048, 1 << 16);
  assert.ok(loadImage(target, 1, image));
  const withWord = (at: number, word: number) => {
    const copy = image.slice();
    new Uint32Array(copy.buffer)[at] = word;
    return copy;
  };
  const words = new Uint32Array(image.buffer);
  for (const wrong of [
    image.subarray(0, layout.NODE_HEADER_BYTES - 4),
    image.subarray(0, -4),
    new Uint8Array([...image, 0, 0, 0, 0]),
    new Uint8Array(2052),
    withWord(layout.COUNT, words[layout.COUNT] + 1),
    withWord(layout.COUNT, 0xffffffff),
    withWord(layout.HEAP_START, words[layout.HEAP_START] - 4),
    withWord(layout.HEAP_START, 0xffffffff),
  ]) {
    assert.not(loadImage(target, 2, wrong));
  }
});

test.run();
