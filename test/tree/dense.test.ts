import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEASE_WORDS } from '../../native-layout/lease-record.js';
import { Key } from '../../src/key.js';
import { nodesPerRepack, repackDense } from '../../src/tree/dense.js';
import { LEASES, OWNERS } from '../../src/tree/kinds.js';
import { scaled, seed } from '../support/env.js';
import { TreeFixture } from '../support/tree-fixture.js';
import { ID_SHAPE_COUNT, KINDS, MIXED, randomKey, uuid } from '../support/tree-keys.js';
import { Random } from '../support/tree-random.js';

const NODE_SIZES = [2048, 4096, 8192, 16384];

/** Repacks a whole tree, slice by slice, each a commit of its own or all in one; answers the number of slices. */
function repackAll(fixture: TreeFixture, commitEach: boolean): number {
  const { tree, slabs, allocator } = fixture;
  let from = new Key();
  let next = new Key();
  for (let slices = 1; ; slices++) {
    const before = allocator.available;
    const most = nodesPerRepack(slabs.nodeBytes, tree.level);
    const more = repackDense(tree, slabs, from, next);
    assert.ok(before - allocator.available <= most, `a slice took ${before - allocator.available} nodes, not ${most}`);
    if (commitEach) fixture.commit();
    if (!more) return slices;
    [from, next] = [next, from];
  }
}

test('repacking changes nothing but how full nodes are', () => {
  const random = new Random(seed);
  for (let run = 0; run < scaled(6, 1000); run++) {
    const kind = random.pick(KINDS);
    const fixture = new TreeFixture(kind, random.pick(NODE_SIZES), 64 << 20);
    const shape = random.chance(0.4) ? MIXED : random.below(ID_SHAPE_COUNT);
    const keys = Array.from({ length: random.below(3000) }, () => randomKey(random, kind, shape));
    for (const key of keys) fixture.put(key, random);
    for (const key of keys) if (random.chance(0.3)) fixture.remove(key);
    fixture.commit();
    const before = fixture.verify(random);
    repackAll(fixture, random.chance(0.5));
    if (random.chance(0.2)) fixture.rollback();
    fixture.commit();
    const after = fixture.verify(random);
    assert.ok(after.leaves <= before.leaves, `${before.leaves} leaves became ${after.leaves}`);
    for (let i = 0; i < 200; i++) fixture.put(random.pick(keys.length > 0 ? keys : [randomKey(random, kind)]), random);
    for (const key of keys) fixture.remove(key);
    fixture.commit();
    fixture.verify(random);
  }
});

test('leases that came in random order end in fewer than 70 bytes each', () => {
  const random = new Random(seed);
  for (const nodeBytes of [2048, 4096]) {
    const fixture = new TreeFixture(LEASES, nodeBytes, 32 << 20);
    const { tree, allocator } = fixture;
    const key = new Key();
    const count = 10_000;
    for (let i = 0; i < count; i++) {
      tree.find(key.setBytes(Buffer.from(`actor\0${uuid(random)}`)));
      tree.insert(key, new Uint32Array(LEASE_WORDS), LEASE_WORDS);
    }
    fixture.commit();
    const slices = repackAll(fixture, true);
    assert.ok(slices > 1 || nodeBytes > 2048, 'a large tree takes more than one slice');
    const perLease = (allocator.allocated * nodeBytes) / count;
    assert.ok(perLease < 70, `${perLease} bytes a lease in nodes of ${nodeBytes}`);
    const { born } = allocator;
    repackAll(fixture, false);
    assert.is(allocator.born, born, 'what is dense is left alone');
  }
});

test('a tree of one leaf, or none, is left alone', () => {
  const random = new Random(seed);
  const fixture = new TreeFixture(OWNERS, 4096, 1 << 20);
  assert.is(repackAll(fixture, true), 1);
  fixture.put(randomKey(random, OWNERS), random);
  fixture.commit();
  assert.is(repackAll(fixture, false), 1);
  assert.is(fixture.allocator.born, 0);
});

test.run();
