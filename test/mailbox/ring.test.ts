import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HEAD, TAIL } from '../../native-layout/mailbox.js';
import { createRing, RingReader, RingWriter } from '../../src/mailbox/ring.js';
import { scaled, seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';

const RING_BYTES = 1024;

function ringAt(position: number): { ring: SharedArrayBuffer; writer: RingWriter; reader: RingReader } {
  const ring = createRing(RING_BYTES);
  const words = new Uint32Array(ring);
  words[HEAD] = position;
  words[TAIL] = position;
  return { ring, writer: new RingWriter(ring), reader: new RingReader(ring) };
}

function put(writer: RingWriter, words: number, content: number): void {
  const at = writer.reserve(words);
  for (let i = 1; i < words; i++) writer.words[at + i] = content + i;
}

function expectNext(reader: RingReader, words: number, content: number): void {
  const at = reader.next();
  assert.is(reader.words[at], words);
  for (let i = 1; i < words; i++) assert.is(reader.words[at + i], content + i);
}

for (const position of [0, 1, 255, 2 ** 31 - 3000, 2 ** 32 - 3000, 2 ** 32 - 1]) {
  test(`records of random lengths arrive whole and in order, from position ${position}`, () => {
    const random = new Random(seed);
    const { ring, writer, reader } = ringAt(position);
    const under: { words: number; content: number }[] = [];
    let taken = 0;
    let sent = 0;
    let full = 0;
    while (taken < scaled(5000, 500_000)) {
      for (let i = random.below(8); i > 0; i--) {
        const words = random.between(2, writer.recordWordsMax);
        if (!writer.fits(words)) {
          full++;
          break;
        }
        under.push({ words, content: sent });
        put(writer, words, sent++);
      }
      assert.is(
        reader.ready,
        new Uint32Array(ring)[TAIL] !== new Uint32Array(ring)[HEAD],
        'nothing shows before it is published',
      );
      writer.publish();
      for (let i = random.below(8); i > 0 && under.length > 0; i--) {
        const { words, content } = under.shift() as { words: number; content: number };
        expectNext(reader, words, content);
        taken++;
      }
      if (under.length === 0) assert.is(reader.next(), -1);
      reader.release();
    }
    assert.ok(full > 100, `${full} times it was full`);
  });
}

test('a record as long as allowed fits an empty ring at every position', () => {
  for (let position = 0; position < RING_BYTES / 4; position++) {
    const { writer, reader } = ringAt(position);
    const words = writer.recordWordsMax;
    assert.ok(writer.fits(words));
    put(writer, words, position);
    writer.publish();
    expectNext(reader, words, position);
    assert.is(reader.next(), -1);
  }
});

test('what is taken back was never there, whether or not it began anew at the start', () => {
  for (const position of [0, 200, 250]) {
    const { writer, reader } = ringAt(position);
    put(writer, 4, 1);
    const mark = writer.mark();
    put(writer, 60, 2);
    put(writer, 60, 3);
    writer.rewind(mark);
    put(writer, 5, 4);
    writer.publish();
    expectNext(reader, 4, 1);
    expectNext(reader, 5, 4);
    assert.is(reader.next(), -1);
  }
});

test('room comes back only with a release', () => {
  const { writer, reader } = ringAt(0);
  while (writer.fits(50)) put(writer, 50, 1);
  writer.publish();
  while (reader.next() >= 0);
  assert.not(writer.fits(50));
  reader.release();
  assert.ok(writer.fits(50));
});

test('a reader that starts later goes on where the ring stands, and can drop what was not read', () => {
  const { ring, writer, reader } = ringAt(77);
  put(writer, 3, 1);
  put(writer, 3, 2);
  writer.publish();
  expectNext(reader, 3, 1);
  reader.release();
  const second = new RingReader(ring);
  expectNext(second, 3, 2);
  const third = new RingReader(ring);
  third.discard();
  assert.not(third.ready);
  put(writer, 3, 3);
  writer.publish();
  assert.ok(third.ready);
  expectNext(third, 3, 3);
});

test.run();
