import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HalfSipHash, Router } from '../../src/client/router.js';
import { Key, KeyEncoder } from '../../src/key.js';
import type { ActorKey } from '../../src/lease.js';
import { seed } from '../support/env.js';
import { uuid } from '../support/tree-keys.js';
import { Random } from '../support/tree-random.js';

/** Key 00 01 … 07; input i is the bytes 00 01 … of length i. */
const K0 = 0x03020100;
const K1 = 0x07060504;

/** HalfSipHash-2-4 with tags of 32 bits, as its authors publish it. */
const VECTORS_2_4 = [
  0x5b9f35a9, 0xb85a4727, 0x03a662fa, 0x04e7fe8a, 0x89466e2a, 0x69b6fac5, 0x23fc6358, 0xc563cf8b, 0x8f84b8d0,
  0x79e706f8, 0x3479b094, 0x50300808, 0x2f87f057, 0xff63e677, 0x7cf8ffd6, 0x972bfe74,
];

/** HalfSipHash-1-3, as the Linux kernel tests it on machines of 32 bits. */
const VECTORS_1_3 = [0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939, 0x7e059ea6, 0x88e3d89b, 0xa0080b65, 0x9d38d9d6];

/** The hash of bytes, padded to words as its definition says. */
function hashBytes(hash: HalfSipHash, bytes: Uint8Array): number {
  const padded = new Uint8Array((bytes.length & ~3) + 4);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  const words = new DataView(padded.buffer);
  hash.begin();
  for (let at = 0; at < padded.length; at += 4) hash.add(words.getUint32(at, true));
  return hash.finish();
}

test('the hash is HalfSipHash', () => {
  const all = Uint8Array.from({ length: 16 }, (_, i) => i);
  for (const [rounds, vectors] of [
    [new HalfSipHash(K0, K1, 2, 4), VECTORS_2_4],
    [new HalfSipHash(K0, K1, 1, 3), VECTORS_1_3],
  ] as const) {
    for (const [length, expected] of vectors.entries()) {
      assert.is(hashBytes(rounds, all.subarray(0, length)), expected, `length ${length}`);
    }
  }
});

const encoder = new KeyEncoder();

function shardOf(router: Router, key: ActorKey): number {
  return router.shardOf(encoder.encode(new Key(), key));
}

test('every kind of id spreads evenly over any number of shards', () => {
  const random = new Random(seed);
  const count = 20_000;
  const kinds: ((i: number) => ActorKey)[] = [
    () => ({ type: 't', id: uuid(random) }),
    (i) => ({ type: 't', id: `00000000-0000-4000-8000-${i.toString(16).padStart(12, '0')}` }),
    (i) => ({ type: `type-${i % 20}`, id: String(i) }),
    (i) => ({ type: 'é', id: `user/${i}/${'x'.repeat(i % 5)}` }),
  ];
  for (const shards of [2, 3, 8, 37]) {
    const router = new Router([random.u32(), random.u32(), random.u32(), random.u32()], shards);
    for (const [kind, key] of kinds.entries()) {
      const met = new Array<number>(shards).fill(0);
      for (let i = 0; i < count; i++) met[shardOf(router, key(i))]++;
      const expected = count / shards;
      // Six standard deviations.
      const most = expected + 6 * Math.sqrt(expected);
      const least = expected - 6 * Math.sqrt(expected);
      assert.ok(
        met.every((n) => n > least && n < most),
        `kind ${kind} over ${shards} shards: ${met}`,
      );
    }
  }
});

test('a key goes to one shard, whatever was in its memory before, and every word of the seed counts', () => {
  const random = new Random(seed);
  const used = new Key();
  const ids = ['a', 'ab', 'abc', 'abcd', 'abcde', 'é', uuid(random), `u-${uuid(random)}`, `${uuid(random)}0`];
  const hashSeed = [1, 2, 3, 4] as const;
  const router = new Router(hashSeed, 256);
  const others = hashSeed.map((_, i) => new Router(hashSeed.map((w, j) => (i === j ? w + 1 : w)) as never, 256));
  const moved = others.map(() => 0);
  for (let i = 0; i < 500; i++) {
    const key = { type: random.pick(['t', 'tt', 'ttt', 'tttt']), id: random.pick(ids) + random.below(100) };
    const shard = shardOf(router, key);
    assert.is(router.shardOf(encoder.encode(used, key)), shard);
    for (const [word, other] of others.entries()) if (shardOf(other, key) !== shard) moved[word]++;
  }
  assert.ok(
    moved.every((n) => n > 450),
    `moved by each word: ${moved}`,
  );
});

test('keys whose bytes are the same words but not the same length are told apart', () => {
  const router = new Router([5, 6, 7, 8], 256);
  const shards = Array.from({ length: 40 }, (_, n) => shardOf(router, { type: 't', id: '\u0001'.repeat(n + 1) }));
  assert.ok(new Set(shards).size > 25);
});

test('one shard takes everything', () => {
  const router = new Router([1, 2, 3, 4], 1);
  assert.is(shardOf(router, { type: 't', id: 'x' }), 0);
});

test.run();
