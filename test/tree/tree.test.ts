import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEASE_WORDS, setU53, TICK_MS } from '../../native-layout/lease-record.js';
import { Key } from '../../src/key.js';
import { LEASES, OWNERS } from '../../src/tree/kinds.js';
import { Node } from '../../src/tree/node.js';
import { scaled, seed } from '../support/env.js';
import { TreeFixture } from '../support/tree-fixture.js';
import { ID_SHAPE_COUNT, KINDS, MIXED, randomKey, uuid } from '../support/tree-keys.js';
import { Random } from '../support/tree-random.js';

const NODE_SIZES = [2048, 4096, 8192, 16384];
const MEMORY_BYTES = 32 << 20;

type Step = readonly ['put' | 'remove' | 'removeAll', number] | readonly ['commit' | 'rollback'];

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constant('put' as const), fc.nat(400)) },
  { weight: 8, arbitrary: fc.tuple(fc.constant('remove' as const), fc.nat(400)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('removeAll' as const), fc.nat(400)) },
  { weight: 1, arbitrary: fc.constantFrom(['commit'] as const, ['rollback'] as const) },
);

/** Short histories that shrink: every step is checked, every commit proved. */
const history = fc.record({
  kind: fc.constantFrom(...KINDS),
  nodeBytes: fc.constantFrom(...NODE_SIZES),
  shape: fc.integer({ min: MIXED, max: ID_SHAPE_COUNT - 1 }),
  keysSeed: fc.nat(),
  steps: fc.array(step, { maxLength: 600, size: 'max' }),
});

test('any history leaves the tree equal to a sorted map, and every node in it or free', () => {
  const property = fc.property(history, ({ kind, nodeBytes, shape, keysSeed, steps }) => {
    const random = new Random(keysSeed);
    const fixture = new TreeFixture(kind, nodeBytes, MEMORY_BYTES);
    const keys = Array.from({ length: 401 }, () => randomKey(random, kind, shape));
    const sorted = [...keys].sort(Buffer.compare);
    for (const [action, key] of steps) {
      if (action === 'put') fixture.put(keys[key as number], random);
      else if (action === 'remove') fixture.remove(keys[key as number]);
      else if (action === 'removeAll') {
        // Neighbours, or keys from all over.
        const from = key as number;
        fixture.removeAll(random.chance(0.7) ? sorted.slice(from, from + random.below(80)) : keys.slice(from));
      } else if (action === 'rollback') fixture.rollback();
      else {
        fixture.commit();
        fixture.verify(random);
      }
    }
    fixture.commit();
    fixture.verify(random);
  });
  fc.assert(property, { seed, numRuns: scaled(25, 5000) });
});

/** Long histories: the tree grows, shrinks and grows again in phases, through every level that its keys make. */
function longHistory(random: Random, steps: number): void {
  const kind = random.pick(KINDS);
  const fixture = new TreeFixture(kind, random.pick(NODE_SIZES), 128 << 20);
  const shape = random.chance(0.4) ? MIXED : random.below(ID_SHAPE_COUNT);
  const types = random.between(1, 6);
  const keys = Array.from({ length: random.pick([10, 300, 3000]) }, () => randomKey(random, kind, shape, types));
  const sorted = [...keys].sort(Buffer.compare);
  let putShare = 0.9;
  for (let i = 0; i < steps; i++) {
    if (i % 1000 === 999) putShare = random.pick([0.1, 0.3, 0.6, 0.9]);
    if (random.chance(0.002)) {
      const from = random.below(sorted.length);
      fixture.removeAll(sorted.slice(from, from + random.below(300)));
      continue;
    }
    const key = random.pick(keys);
    if (random.chance(putShare)) fixture.put(key, random);
    else fixture.remove(key);
    if (random.chance(0.98)) continue;
    if (random.chance(0.3)) fixture.rollback();
    else fixture.commit();
    if (random.chance(0.9)) continue;
    fixture.commit();
    fixture.verify(random);
  }
  for (const key of keys) fixture.remove(key);
  fixture.commit();
  fixture.verify(random);
  assert.is(fixture.tree.root, 0, 'an empty tree has no root');
  assert.is(fixture.allocator.allocated, 0, 'an empty tree has no nodes');
}

test('long histories over every kind of tree, node size and shape of keys', () => {
  const random = new Random(seed);
  for (let steps = scaled(30_000, 5_000_000); steps > 0; steps -= 5000) {
    const historySeed = random.u32();
    try {
      longHistory(new Random(historySeed), 5000);
    } catch (cause) {
      throw new Error(`history of seed ${historySeed} failed: ${(cause as Error).message}`, { cause });
    }
  }
});

test('UUIDs that arrive in order, of several types, leave full leaves behind', () => {
  const random = new Random(seed);
  for (const nodeBytes of [2048, 4096]) {
    const fixture = new TreeFixture(OWNERS, nodeBytes, MEMORY_BYTES);
    for (let i = 0; i < 10_000; i++) {
      const id = `${(0x0190_0000 + i).toString(16).padStart(8, '0')}${uuid(random).slice(8)}`;
      fixture.put(Buffer.from(`\0\0\0\u0001actor-${random.below(8)}\0${id}`), random);
    }
    fixture.commit();
    const { usedBytes, leaves, branches } = fixture.verify(random);
    const share = usedBytes / ((leaves + branches) * nodeBytes);
    assert.ok(share > 0.75, `${nodeBytes}-byte nodes are ${share} full`);
  }
});

/** Keys of one owner and type, as far apart as keys can be. */
function uniformKeys(random: Random, count: number): Uint8Array[] {
  return Array.from({ length: count }, () => Buffer.from(`\0\0\0\u0001actor\0${uuid(random)}`));
}

const FILL_PATTERNS: Record<string, (keys: Uint8Array[]) => Uint8Array[]> = {
  ascending: (keys) => [...keys].sort(Buffer.compare),
  descending: (keys) => [...keys].sort(Buffer.compare).reverse(),
  random: (keys) => keys,
};

for (const [name, arrange] of Object.entries(FILL_PATTERNS)) {
  test(`insert and delete in ${name} order`, () => {
    const random = new Random(seed);
    for (const nodeBytes of [2048, 8192]) {
      const fixture = new TreeFixture(OWNERS, nodeBytes, MEMORY_BYTES);
      const keys = arrange(uniformKeys(random, 3000));
      for (const key of keys) fixture.put(key, random);
      fixture.commit();
      const full = fixture.verify(random);
      const share = full.usedBytes / ((full.leaves + full.branches) * nodeBytes);
      assert.ok(share > (name === 'ascending' ? 0.8 : 0.45), `${nodeBytes}-byte nodes are ${share} full`);
      for (const key of arrange(keys).slice(300)) fixture.remove(key);
      fixture.commit();
      fixture.verify(random);
      for (const key of keys) fixture.remove(key);
      fixture.commit();
      assert.is(fixture.allocator.allocated, 0);
    }
  });
}

test('deletes at random leave nodes at least three eighths full', () => {
  const random = new Random(seed);
  for (const nodeBytes of [2048, 8192]) {
    const fixture = new TreeFixture(OWNERS, nodeBytes, MEMORY_BYTES);
    const keys = uniformKeys(random, 8000);
    for (const key of keys) fixture.put(key, random);
    fixture.commit();
    for (const key of keys) if (random.chance(0.9)) fixture.remove(key);
    fixture.commit();
    const { usedBytes, leaves, branches } = fixture.verify(random);
    const share = usedBytes / ((leaves + branches) * nodeBytes);
    assert.ok(share >= 3 / 8, `${nodeBytes}-byte nodes are ${share} full`);
  }
});

test('a leaf that an appended key splits takes the rest also where that takes more room than before', () => {
  const random = new Random(seed);
  // As text, ids that only end differently take a few bytes each; once all are UUIDs, sixteen.
  const id = (i: number) => Buffer.from(`t\0${'00000000-0000-4000-8000-'}${String(i).padStart(12, '0')}`);
  const stray = Buffer.concat([id(10_000), Buffer.from('-old')]);
  for (const nodeBytes of NODE_SIZES) {
    const fixture = new TreeFixture(OWNERS, nodeBytes, MEMORY_BYTES);
    for (const key of [stray, id(20_000)]) fixture.put(key, random);
    fixture.remove(stray);
    // Up to the first split the leaf stays text, though it holds UUIDs alone.
    let next = 20_001;
    while (fixture.tree.level === 0) fixture.put(id(next++), random);
    assert.ok(next - 20_000 > nodeBytes / 16, 'more than would have fitted otherwise');
    fixture.commit();
    fixture.verify(random);
  }
});

test('a commit copies each node once, however many of its entries change', () => {
  const random = new Random(seed);
  const fixture = new TreeFixture(LEASES, 4096, MEMORY_BYTES);
  const { tree, allocator } = fixture;
  const key = new Key();
  const keys = Array.from({ length: 2000 }, () => Buffer.from(`actor\0${uuid(random)}`));
  const payload = new Uint32Array(LEASE_WORDS);
  for (const bytes of keys) {
    tree.find(key.setBytes(bytes));
    tree.insert(key, payload, LEASE_WORDS);
  }
  fixture.commit();
  const nodes = allocator.allocated;
  for (const bytes of [...keys, ...keys]) {
    assert.ok(tree.find(key.setBytes(bytes)));
    tree.edit();
    tree.payload[tree.payloadAt]++;
  }
  assert.is(allocator.born, nodes);
  fixture.commit();
  assert.is(allocator.allocated, nodes);
});

test('a leaf that was copied to be edited may be left as it was', () => {
  const random = new Random(seed);
  const fixture = new TreeFixture(LEASES, 2048, MEMORY_BYTES);
  const { tree, allocator } = fixture;
  const key = new Key();
  assert.not(tree.findForEdit(key.setBytes(Buffer.from('t\0none'))), 'an empty tree has nothing to copy');
  for (let i = 0; i < 500; i++) fixture.put(randomKey(random, LEASES, 0, 1), random);
  fixture.commit();
  const allocated = allocator.allocated;
  assert.not(tree.findForEdit(key.setBytes(Buffer.from('t\0none'))));
  assert.is(allocator.born, tree.level + 1, 'the path was copied');
  fixture.commit();
  fixture.verify(random);
  assert.is(allocator.allocated, allocated);
  for (const name of fixture.model.keys()) assert.ok(tree.findForEdit(key.setBytes(Buffer.from(name, 'latin1'))), name);
  fixture.rollback();
  fixture.verify(random);
  assert.is(allocator.allocated, allocated);
});

test('the root knows how early a deadline below it may be', () => {
  const random = new Random(seed);
  const fixture = new TreeFixture(LEASES, 2048, MEMORY_BYTES);
  const { tree } = fixture;
  const key = new Key();
  const payload = new Uint32Array(LEASE_WORDS);
  for (let i = 0; i < 500; i++) {
    tree.find(key.setBytes(Buffer.from(`actor\0${uuid(random)}`)));
    setU53(payload, 0, (1000 + i) * TICK_MS);
    tree.insert(key, payload, LEASE_WORDS);
  }
  assert.ok(tree.find(key));
  tree.edit();
  setU53(tree.payload, tree.payloadAt, 7 * TICK_MS);
  tree.lowerBound(7);
  const root = new Node(fixture.slabs).open(tree.root);
  assert.not(root.isLeaf);
  assert.is(Math.min(...Array.from({ length: root.count }, (_, slot) => root.earliest(slot))), 7);
});

test('a sweep finds all that is due and nothing else, and leaves true bounds behind', () => {
  const random = new Random(seed);
  for (const nodeBytes of [2048, 4096]) {
    const fixture = new TreeFixture(LEASES, nodeBytes, MEMORY_BYTES);
    const { tree } = fixture;
    const key = new Key();
    const tickAt = (leaf: Node, slot: number): number => LEASES.tick(leaf.words, leaf.payloadAt(slot));
    for (let due = 100_000; due <= 1_000_000; due += 100_000) {
      for (let i = 0; i < 300; i++) fixture.put(randomKey(random, LEASES, 0, 1), random);
      fixture.commit();
      let kept = 0;
      for (const { payload } of fixture.model.values()) if (LEASES.tick(payload, 0) >= due) kept++;
      for (let leaf = tree.findDue(due); leaf !== undefined; leaf = tree.findDue(due)) {
        let slot = 0;
        while (slot < leaf.count && tickAt(leaf, slot) >= due) slot++;
        leaf.readKey(Math.min(slot, leaf.count - 1), key);
        // A bound may be too early, but then it is raised and not met again.
        if (slot === leaf.count) tree.raiseBound(key);
        else fixture.remove(key.toBytes());
      }
      fixture.commit();
      assert.is(fixture.verify(random).entries, kept);
      assert.ok(tree.earliestTick >= due);
    }
  }
});

test('a change without its find is refused', () => {
  const { tree } = new TreeFixture(OWNERS, 2048, MEMORY_BYTES);
  const key = new Key().setBytes(Buffer.from('some key'));
  assert.throws(() => tree.edit(), /edit without a found entry/);
  assert.throws(() => tree.remove(), /remove without a found entry/);
  tree.find(key);
  tree.insert(key, new Uint32Array(0), 0);
  assert.throws(() => tree.insert(key, new Uint32Array(0), 0), /insert without a find that missed/);
});

test.run();
