import type { Key } from './key.js';

const LENGTH_AT_FIRST = 256;

/** A place has 22 bits, sorted by in two passes. */
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
/** Fewer keys than this lie too far apart in a large tree to be worth the passes over all digits. */
const WORTH_SORTING = 64;

const ends = new Uint32Array(DIGITS);

/**
 * Finds an order of keys in which neighbours in the tree come one after the other, so that the way to a leaf is in the
 * cache when the next key needs it. Keys are sorted by 22 bits of each, by counting: enough to tell the leaves of ten
 * million leases with random ids apart, and a hundredth of what a change of the tree costs.
 */
export class KeyOrder {
  #places = new Uint32Array(LENGTH_AT_FIRST);
  #between = new Uint32Array(LENGTH_AT_FIRST);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a key by its {@link placeOf}. */
  add(place: number): void {
    if (this.#length === this.#places.length) this.#grow();
    this.#places[this.#length++] = place;
  }

  clear(): void {
    this.#length = 0;
  }

  /** The indexes of the keys as added, each `run` of them put in order by itself; those of one key keep theirs. */
  order(run: number): Uint32Array {
    const indexes = new Uint32Array(this.#length);
    for (let i = 0; i < indexes.length; i++) indexes[i] = i;
    for (let from = 0; from < indexes.length; from += run) {
      const part = indexes.subarray(from, from + run);
      if (part.length < WORTH_SORTING) continue;
      const between = this.#between.subarray(0, part.length);
      this.#sortByDigit(part, between, 0);
      this.#sortByDigit(between, part, DIGIT_BITS);
    }
    return indexes;
  }

  /** Counting sort: those with the same digit keep their order, so that the passes add up. */
  #sortByDigit(source: Uint32Array, target: Uint32Array, shift: number): void {
    const places = this.#places;
    ends.fill(0);
    for (let i = 0; i < source.length; i++) ends[(places[source[i]] >>> shift) & (DIGITS - 1)]++;
    for (let digit = 1; digit < DIGITS; digit++) ends[digit] += ends[digit - 1];
    for (let i = source.length - 1; i >= 0; i--) {
      target[--ends[(places[source[i]] >>> shift) & (DIGITS - 1)]] = source[i];
    }
  }

  #grow(): void {
    const grown = new Uint32Array(this.#places.length * 2);
    grown.set(this.#places);
    this.#places = grown;
    this.#between = new Uint32Array(grown.length);
  }
}

export function placeOf(key: Key): number {
  const { bytes } = key;
  let typeBytes = 0;
  while (bytes[typeBytes] !== 0) typeBytes++;
  const idAt = typeBytes + 1;
  return placeIn(bytes, 0, typeBytes, idAt === key.uuidAt ? key.u0 >>> 16 : (bytes[idAt] << 8) | bytes[idAt + 1]);
}

/**
 * 22 bits that are near each other for keys that are: of the type, of which the text is in `bytes`, in any order, and the
 * first 16 of the id.
 */
export function placeIn(bytes: Uint8Array, typeAt: number, typeBytes: number, id: number): number {
  let type = 0;
  for (let i = 0; i < typeBytes; i++) type = (Math.imul(type, 31) + bytes[typeAt + i]) & 0x3f;
  return (type << 16) | id;
}
