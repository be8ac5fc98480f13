import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Key } from '../../src/key.js';
import { OWNERS } from '../../src/tree/kinds.js';
import { Node } from '../../src/tree/node.js';
import { type PackedBound, packedLowerBound } from '../../src/tree/uuid-bound.js';
import { scaled, seed } from '../support/env.js';
import { TreeFixture } from '../support/tree-fixture.js';
import { randomId, uuid } from '../support/tree-keys.js';
import { Random } from '../support/tree-random.js';

const bound: PackedBound = { beyond: false, u0: 0, u1: 0, u2: 0, u3: 0 };

/** The text of the least UUID that is not before `text`, or undefined. */
function leastFrom(text: string): string | undefined {
  const key = new Key().setBytes(Buffer.from(text));
  if (packedLowerBound(key, 0, bound).beyond) return undefined;
  const found = new Key();
  found.appendUuid(0, bound.u0, bound.u1, bound.u2, bound.u3);
  return Buffer.from(found.toBytes()).toString();
}

/** The UUID text just before another, or undefined. */
function before(id: string): string | undefined {
  const value = BigInt(`0x${id.replaceAll('-', '')}`);
  if (value === 0n) return undefined;
  const hex = (value - 1n).toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The bound is right if it is not before the text, and the UUID before it is. */
function assertBound(text: string): void {
  const least = leastFrom(text);
  const last = least === undefined ? 'ffffffff-ffff-ffff-ffff-ffffffffffff' : before(least);
  if (least !== undefined) assert.ok(order(least, text) >= 0, `${least} is before ${text}`);
  if (last !== undefined) assert.ok(order(last, text) < 0, `${last} is not before ${text}, but its bound is ${least}`);
}

function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

test('the bound of every text that differs from a UUID in one character', () => {
  for (const id of [
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    uuid(new Random(seed)),
  ]) {
    for (let at = 0; at < 36; at++) {
      for (let unit = 1; unit < 128; unit++)
        assertBound(id.slice(0, at) + String.fromCharCode(unit) + id.slice(at + 1));
      assertBound(id.slice(0, at));
    }
    assertBound(`${id}!`);
  }
});

test('the bound of texts of every kind', () => {
  const random = new Random(seed);
  for (let i = 0; i < scaled(50_000, 5_000_000); i++) assertBound(randomId(random));
});

test('a node of packed UUIDs places any text where the order of texts has it', () => {
  const random = new Random(seed);
  for (let round = 0; round < scaled(20, 1000); round++) {
    const fixture = new TreeFixture(OWNERS, 4096, 1 << 20);
    const ids = [...new Set(Array.from({ length: 100 }, () => uuid(random, random.chance(0.5))))].sort(order);
    for (const id of ids) fixture.put(Buffer.from(`t\0${id}`), random);
    const leaf = new Node(fixture.slabs).open(fixture.tree.root);
    assert.ok(leaf.uuidTail && leaf.isLeaf, 'one leaf of packed UUIDs');
    const key = new Key();
    for (let i = 0; i < 200; i++) {
      const text = random.chance(0.5)
        ? randomId(random)
        : random.pick(ids).slice(0, random.below(37)) + randomId(random).slice(0, 9);
      const found = leaf.search(key.setBytes(Buffer.from(`t\0${text}`)));
      const wanted = ids.filter((id) => order(id, text) < 0).length;
      assert.is(found, ids[wanted] === text ? wanted : ~wanted, `place of ${text}`);
    }
  }
});

test.run();
