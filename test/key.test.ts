import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ID_BYTES_MAX, OWNER_BYTES_MAX, TYPE_BYTES_MAX } from '../native-layout/format.js';
import { HEAD_BYTES } from '../native-layout/node.js';
import { compareKeys, isAsciiName, Key, KeyEncoder, putRef, textBytes } from '../src/key.js';
import { scaled, seed } from './support/env.js';
import { randomId, uuid } from './support/tree-keys.js';
import { Random } from './support/tree-random.js';

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Any text that may name something: well formed, no NUL, not empty. */
const text = (bytesMax: number): fc.Arbitrary<string> =>
  fc
    .string({ unit: 'binary', minLength: 1, maxLength: bytesMax })
    .filter((value) => !value.includes('\0') && Buffer.byteLength(value) <= bytesMax);

function refusal(pattern: RegExp): (error: Error & { code?: string }) => boolean {
  return (error) => error.code === 'ERR_HOLDFAST_INVALID_ARGUMENT' && pattern.test(error.message);
}

test('a key is its type, NUL and its id in UTF-8', () => {
  const encoder = new KeyEncoder();
  const key = new Key();
  const property = fc.property(text(TYPE_BYTES_MAX), text(ID_BYTES_MAX), (type, id) => {
    encoder.encode(key, { type, id });
    assert.equal(Buffer.from(key.toBytes()), Buffer.from(`${type}\0${id}`));
    assert.is(key.wordAt(key.length), 0, 'zeros follow the key');
  });
  fc.assert(property, { seed, numRuns: scaled(300, 20_000) });
});

test('a UUID at the end is noticed exactly when it is canonical, and its words give the text back', () => {
  const random = new Random(seed);
  const key = new Key();
  const again = new Key();
  for (let i = 0; i < scaled(20_000, 1_000_000); i++) {
    const id = random.chance(0.5) ? uuid(random) : randomId(random);
    const bytes = Buffer.from(`actor\0${id}`);
    key.setBytes(bytes);
    const found = UUID.exec(bytes.toString('latin1'));
    assert.is(key.uuidAt, found === null ? -1 : found.index, id);
    if (key.uuidAt < 0) continue;
    again.setBytes(bytes, 0, key.uuidAt).appendUuid(key.uuidAt, key.u0, key.u1, key.u2, key.u3);
    assert.equal(Buffer.from(again.toBytes()), bytes);
    assert.is(again.uuidAt, key.uuidAt);
  }
});

test('an id means the same key as text and as bytes, whatever almost is a UUID', () => {
  const random = new Random(seed);
  const encoder = new KeyEncoder();
  const key = new Key();
  for (let i = 0; i < scaled(5000, 200_000); i++) {
    const id = random.chance(0.2) ? withCharacter(random, uuid(random)) : randomId(random);
    encoder.encode(key, { type: 't', id });
    const same = new Key().setBytes(Buffer.from(`t\0${id}`));
    const { length, uuidAt } = same;
    assert.equal(Buffer.from(key.toBytes()), Buffer.from(same.toBytes()));
    assert.equal([key.length, key.uuidAt, key.wordAt(key.length)], [length, uuidAt, 0], id);
    if (uuidAt >= 0) assert.equal([key.u0, key.u1, key.u2, key.u3], [same.u0, same.u1, same.u2, same.u3], id);
  }
});

/** With one character replaced: by what lies beside the digits, or is one only in its low byte. */
function withCharacter(random: Random, id: string): string {
  const at = random.below(id.length);
  return id.slice(0, at) + random.pick(['/', ':', '`', 'g', 'A', '-', '\u0161', '\u0130', '\uff10']) + id.slice(at + 1);
}

test('the order of UUID words is the order of their texts', () => {
  const random = new Random(seed);
  for (let i = 0; i < 5000; i++) {
    const [a, b] = [uuid(random, random.chance(0.5)), uuid(random, random.chance(0.5))];
    const words = [a, b].map((id) => {
      const { u0, u1, u2, u3 } = new Key().setBytes(Buffer.from(id));
      return [u0, u1, u2, u3].map((word) => word.toString(16).padStart(8, '0')).join('');
    });
    assert.is(Math.sign(words[0].localeCompare(words[1])), Math.sign(a.localeCompare(b)), `${a} and ${b}`);
  }
});

test('a prefixed copy and a plain copy say what a key of the same bytes says', () => {
  const random = new Random(seed);
  for (let i = 0; i < 2000; i++) {
    const key = new Key().setBytes(Buffer.from(`t\0${randomId(random)}`));
    const ref = random.u32();
    const prefixed = new Key().setNumberPrefixed(ref, key);
    const bytes = new Uint8Array(4 + key.length);
    putRef(bytes, ref);
    bytes.set(key.toBytes(), 4);
    assert.is(new DataView(bytes.buffer).getUint32(0), ref);
    assert.equal(prefixed, new Key().setBytes(bytes));
    assert.equal(new Key().copyFrom(key), key);
  }
});

test('keys compare as bytes', () => {
  const random = new Random(seed);
  for (let i = 0; i < 5000; i++) {
    const [a, b] = [Buffer.from(randomId(random)), Buffer.from(randomId(random))];
    assert.is(Math.sign(compareKeys(new Key().setBytes(a), new Key().setBytes(b))), Buffer.compare(a, b));
  }
});

test('the bytes of a shorter key hide those of a longer one before it', () => {
  const key = new Key().setBytes(new Uint8Array(100).fill(255));
  key.setBytes(Buffer.from('abc'));
  assert.is(key.wordAt(0), 0x61626300);
  assert.is(key.wordAt(3), 0);
});

test('keys keep out of each other, up to the longest', () => {
  const keys = Array.from({ length: 200 }, () => new Key());
  const longest = keys[0].bytes.length - HEAD_BYTES;
  for (const [i, key] of keys.entries()) key.setBytes(new Uint8Array(longest).fill(1 + (i % 255)));
  for (const [i, { bytes, length }] of keys.entries()) {
    assert.is(length, longest);
    assert.ok(bytes.subarray(0, length).every((byte) => byte === 1 + (i % 255)));
    assert.ok(bytes.subarray(length).every((byte) => byte === 0));
  }
});

test('types and owners are remembered, not confused, however many there are', () => {
  const encoder = new KeyEncoder();
  const key = new Key();
  for (const round of [1, 2]) {
    for (let i = 0; i < 10_000; i++) {
      assert.is(Buffer.from(encoder.owner(`owner-${i}`)).toString(), `owner-${i}`, `round ${round}`);
      const length = encoder.typePrefix(key, `type-${i}`, 'type');
      assert.is(Buffer.from(key.toBytes()).toString(), `type-${i}\0`);
      assert.is(length, key.length);
    }
  }
});

test('limits are in bytes, and hold to the byte', () => {
  const encoder = new KeyEncoder();
  const key = new Key();
  encoder.encode(key, { type: 'é'.repeat(TYPE_BYTES_MAX / 2), id: `${'漢'.repeat(85)}x` });
  assert.is(key.length, TYPE_BYTES_MAX + 1 + ID_BYTES_MAX);
  assert.is(encoder.owner('o'.repeat(OWNER_BYTES_MAX)).length, OWNER_BYTES_MAX);
  assert.throws(
    () => encoder.encode(key, { type: 'é'.repeat(65), id: 'x' }),
    refusal(/key\.type must be 1 to 128 bytes/),
  );
  assert.throws(
    () => encoder.encode(key, { type: 't', id: '漢'.repeat(86) }),
    refusal(/key\.id must be 1 to 256 bytes.*258/),
  );
  assert.throws(
    () => encoder.encode(key, { type: 't', id: 'x'.repeat(257) }),
    refusal(/key\.id must be 1 to 256 bytes/),
  );
  assert.throws(() => encoder.owner('o'.repeat(129)), refusal(/owner must be 1 to 128 bytes/));
});

test('what is told to be a name without being encoded is one', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', '\0', 'a\0', '\x7f', '\x80', 'é'),
  );
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 12 }), (text, bytesMax) => {
      const ascii = [...text].every((unit) => unit > '\0' && unit <= '\x7f');
      assert.is(isAsciiName(text, bytesMax), ascii && text.length > 0 && text.length <= bytesMax);
      if (isAsciiName(text, bytesMax)) assert.equal(Buffer.from(textBytes(text, 'name', bytesMax)), Buffer.from(text));
    }),
    { seed },
  );
  for (const text of [undefined, null, 7, {}, ['a']]) assert.not(isAsciiName(text, 12));
});

test('what cannot be a key is refused by name', () => {
  const encoder = new KeyEncoder();
  const key = new Key();
  for (const bad of [undefined, null, 'key', 1]) assert.throws(() => encoder.encode(key, bad), refusal(/^key must be/));
  for (const bad of [undefined, null, 1, {}, Symbol('x')]) {
    assert.throws(() => encoder.encode(key, { type: bad, id: 'x' }), refusal(/key\.type must be a string/));
    assert.throws(() => encoder.encode(key, { type: 't', id: bad }), refusal(/key\.id must be a string/));
    assert.throws(() => encoder.owner(bad), refusal(/owner must be a string/));
  }
  for (const [bad, why] of [
    ['', /empty/],
    ['a\0b', /NUL/],
    ['\0', /NUL/],
    ['\ud800', /surrogate/],
    ['a\udc00b', /surrogate/],
  ] as const) {
    assert.throws(() => encoder.encode(key, { type: bad, id: 'x' }), refusal(why));
    assert.throws(() => encoder.encode(key, { type: 't', id: bad }), refusal(why));
    assert.throws(() => textBytes(bad, 'owner', OWNER_BYTES_MAX), refusal(why));
  }
});

test.run();
