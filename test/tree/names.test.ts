import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OWNER_BYTES_MAX } from '../../native-layout/format.js';
import { compareKeys, Key } from '../../src/key.js';
import { nameAt, nameKey, putName, refKey } from '../../src/tree/names.js';
import { seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';

test('a name comes back from its payload, whatever stood there before', () => {
  const random = new Random(seed);
  const words = new Uint32Array(new SharedArrayBuffer(256)).fill(0xffffffff);
  for (let length = 1; length <= OWNER_BYTES_MAX; length++) {
    const name = new Uint8Array(length).map(() => random.u32());
    const used = putName(words, name);
    assert.is(used, 1 + Math.ceil(length / 4));
    assert.equal(nameAt(words, new Uint8Array(words.buffer), 0), name);
    const padding = new Uint8Array(words.buffer, 4 + length, used * 4 - 4 - length);
    assert.ok(
      padding.every((byte) => byte === 0),
      'padding is zero',
    );
  }
});

test('references are in numeric order, behind all names', () => {
  const key = new Key();
  const last = nameKey(new Key(), new Uint8Array(OWNER_BYTES_MAX).fill(255));
  for (const ref of [0, 1, 255, 256, 65_535, 65_536, 0x7fffffff, 0x80000000, 0xffffffff]) {
    assert.ok(compareKeys(last, refKey(key, ref)) < 0, `reference ${ref}`);
    last.copyFrom(key);
  }
});

test.run();
