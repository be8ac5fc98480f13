import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Key } from '../../src/key.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Slabs } from '../../src/memory/slabs.js';
import { BulkLoader } from '../../src/tree/bulk-load.js';
import { OWNERS } from '../../src/tree/kinds.js';
import { scaled, seed } from '../support/env.js';
import { TreeFixture } from '../support/tree-fixture.js';
import { ID_SHAPE_COUNT, KINDS, MIXED, randomKey, uuid } from '../support/tree-keys.js';
import { Random } from '../support/tree-random.js';

const NODE_SIZES = [2048, 4096, 8192, 16384];

test('a loaded tree is sound, holds what was loaded and takes changes', () => {
  const random = new Random(seed);
  for (let run = 0; run < scaled(10, 1000); run++) {
    const kind = random.pick(KINDS);
    const fixture = new TreeFixture(kind, random.pick(NODE_SIZES), 32 << 20);
    const shape = random.chance(0.4) ? MIXED : random.below(ID_SHAPE_COUNT);
    const count = random.pick([0, 1, 2, random.below(100), random.below(3000)]);
    const keys = Array.from({ length: count }, () => randomKey(random, kind, shape));
    fixture.load(keys, random);
    fixture.commit();
    fixture.verify(random);
    for (let i = 0; i < 300; i++) {
      if (random.chance(0.5)) fixture.put(randomKey(random, kind, shape), random);
      else if (count > 0) fixture.remove(random.pick(keys));
    }
    fixture.commit();
    fixture.verify(random);
    for (const key of keys) fixture.remove(key);
    fixture.commit();
    fixture.verify(random);
  }
});

test('keys that share nearly all of their bytes are all loaded, however few nodes they make', () => {
  const random = new Random(seed);
  for (const nodeBytes of NODE_SIZES) {
    const fixture = new TreeFixture(OWNERS, nodeBytes, 32 << 20);
    const prefix = `\0\0\0\u0001${'t'.repeat(128)}\0${'i'.repeat(240)}`;
    fixture.load(
      Array.from({ length: 2000 }, (_, i) => Buffer.from(`${prefix}${String(i).padStart(5, '0')}`)),
      random,
    );
    fixture.commit();
    fixture.verify(random);
  }
});

test('nodes are filled to about 95 %', () => {
  const random = new Random(seed);
  for (const nodeBytes of [2048, 8192]) {
    const fixture = new TreeFixture(OWNERS, nodeBytes, 32 << 20);
    fixture.load(
      Array.from({ length: 20_000 }, () => Buffer.from(`\0\0\0\u0001actor\0${uuid(random)}`)),
      random,
    );
    fixture.commit();
    const { usedBytes, leaves, branches } = fixture.verify(random);
    const share = usedBytes / ((leaves + branches) * nodeBytes);
    assert.ok(share > 0.9, `${nodeBytes}-byte nodes are ${share} full`);
  }
});

test('keys out of order, or twice, are a bug', () => {
  const slabs = Slabs.reserve(2048, 1 << 20);
  const loader = new BulkLoader(OWNERS, slabs, new NodeAllocator(slabs, 0));
  const payload = new Uint32Array(0);
  loader.add(new Key().setBytes(Buffer.from('bbbbb')), payload, 0);
  for (const text of ['bbbbb', 'aaaaa', 'bbbb']) {
    assert.throws(() => loader.add(new Key().setBytes(Buffer.from(text)), payload, 0), /out of order/);
  }
});

test.run();
