import { UUID_BYTES } from '../../native-layout/format.js';
import { u53 } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import type { Key } from '../key.js';
import type { Slabs } from '../memory/slabs.js';
import { type PackedBound, packedLowerBound } from './uuid-bound.js';

const CACHE_LINE_WORDS = 16;

/** A flyweight over one node: moved from node to node, it reads the bytes in place and allocates nothing. */
export class Node {
  id: number = layout.NIL;
  words: Uint32Array;
  bytes: Uint8Array;
  /** First word of the node in `words`. */
  at = 0;
  readonly slabs: Slabs;
  /** Keeps the compiler from dropping reads whose only purpose is to have been made. */
  fetched = 0;

  constructor(slabs: Slabs) {
    this.slabs = slabs;
    this.words = slabs.words[0];
    this.bytes = slabs.bytes[0];
  }

  open(id: number): this {
    const slabs = this.slabs;
    const slab = id >>> slabs.shift;
    this.id = id;
    this.words = slabs.words[slab];
    this.bytes = slabs.bytes[slab];
    this.at = (id & slabs.mask) * slabs.nodeWords;
    return this;
  }

  get kind(): number {
    return this.bytes[this.at * 4 + layout.KIND];
  }

  get level(): number {
    return this.bytes[this.at * 4 + layout.LEVEL];
  }

  get tree(): number {
    return this.bytes[this.at * 4 + layout.TREE];
  }

  get isLeaf(): boolean {
    return this.bytes[this.at * 4 + layout.LEVEL] === 0;
  }

  get uuidTail(): boolean {
    return (this.bytes[this.at * 4 + layout.FLAGS] & layout.UUID_TAIL) !== 0;
  }

  get count(): number {
    return this.words[this.at + layout.COUNT];
  }

  get prefixBytes(): number {
    return this.words[this.at + layout.PREFIX_BYTES];
  }

  /** Byte in `bytes` where the prefix starts. */
  get prefixAt(): number {
    return this.at * 4 + this.slabs.nodeBytes - this.prefixBytes;
  }

  get birth(): number {
    return u53(this.words, this.at + layout.BIRTH);
  }

  /** Bytes that count: header, slots, living cells, prefix. */
  get usedBytes(): number {
    const { words, at } = this;
    const cells = this.slabs.nodeBytes - words[at + layout.HEAP_START] - words[at + layout.DEAD_BYTES];
    return layout.NODE_HEADER_BYTES + words[at + layout.COUNT] * layout.SLOT_BYTES + cells;
  }

  head(slot: number): number {
    return this.words[this.at + layout.SLOTS + slot * layout.SLOT_WORDS + layout.SLOT_HEAD];
  }

  loc(slot: number): number {
    return this.words[this.at + layout.SLOTS + slot * layout.SLOT_WORDS + layout.SLOT_LOC];
  }

  /** First word of a slot's payload in `words`. */
  payloadAt(slot: number): number {
    return this.at + layout.cellWordOf(this.loc(slot));
  }

  payloadWords(slot: number): number {
    return layout.payloadWordsOf(this.loc(slot));
  }

  child(slot: number): number {
    return this.words[this.payloadAt(slot) + layout.CHILD];
  }

  below(slot: number): number {
    return this.words[this.payloadAt(slot) + layout.BELOW];
  }

  earliest(slot: number): number {
    return this.words[this.payloadAt(slot) + layout.EARLIEST];
  }

  /** Fills `key` with the whole key of a slot. */
  readKey(slot: number, key: Key): Key {
    const { words, bytes } = this;
    const prefixBytes = this.prefixBytes;
    const prefixAt = this.prefixAt;
    const target = key.bytes;
    for (let i = 0; i < prefixBytes; i++) target[i] = bytes[prefixAt + i];
    const loc = this.loc(slot);
    const head = this.head(slot);
    const restWord = this.at + layout.cellWordOf(loc) + layout.payloadWordsOf(loc);
    if (this.uuidTail) {
      key.appendUuid(prefixBytes, head, words[restWord], words[restWord + 1], words[restWord + 2]);
      return key;
    }
    const suffix = layout.suffixBytesOf(loc);
    target[prefixBytes] = head >>> 24;
    target[prefixBytes + 1] = (head >>> 16) & 255;
    target[prefixBytes + 2] = (head >>> 8) & 255;
    target[prefixBytes + 3] = head & 255;
    const restAt = restWord * 4 - layout.HEAD_BYTES;
    for (let i = layout.HEAD_BYTES; i < suffix; i++) target[prefixBytes + i] = bytes[restAt + i];
    return key.setLength(prefixBytes + suffix);
  }

  /** Order of the keys of two slots, as a search sees it. */
  compareSlots(a: number, b: number): number {
    const heads = this.head(a) - this.head(b);
    if (heads !== 0) return heads;
    const locA = this.loc(a);
    const locB = this.loc(b);
    const restA = this.at + layout.cellWordOf(locA) + layout.payloadWordsOf(locA);
    const restB = this.at + layout.cellWordOf(locB) + layout.payloadWordsOf(locB);
    return this.uuidTail
      ? compareRuns(this.words, restA, restB, UUID_REST_WORDS)
      : this.#compareRests(restA * 4, layout.suffixBytesOf(locA), restB * 4, layout.suffixBytesOf(locB));
  }

  #compareRests(a: number, suffixA: number, b: number, suffixB: number): number {
    const common = Math.min(suffixA, suffixB) - layout.HEAD_BYTES;
    return compareRuns(this.bytes, a, b, common) || suffixA - suffixB;
  }

  /** Whether the key certainly lies between two keys of this leaf, as the head of the first and of the last tell. */
  surrounds(key: Key): boolean {
    const last = this.count - 1;
    if (last < 1 || this.#comparePrefix(key) !== 0) return false;
    const prefixBytes = this.prefixBytes;
    if (this.uuidTail && key.uuidAt !== prefixBytes) return false;
    const head = this.uuidTail ? key.u0 : key.wordAt(prefixBytes);
    return this.head(0) < head && head < this.head(last);
  }

  /** Slot of the key in a leaf, or the complement (`~`) of where it would go. */
  search(key: Key): number {
    this.#fetch(CACHE_LINE_WORDS);
    const count = this.count;
    const side = this.#comparePrefix(key);
    if (side !== 0) return side < 0 ? ~0 : ~count;
    if (this.uuidTail) return this.#searchPacked(key, count);
    return this.#searchText(key, 0, count);
  }

  /**
   * Reads a word of each cache line that a search is likely to need: six of the slots, `stride` words apart, and the
   * prefix's. In a tree larger than the cache a node is cold. None of these reads needs another's answer, not even how
   * many slots there are, so they wait for memory together, where a binary search would wait for one line after the
   * other (7 to 11 % more gets a second at a million leases, 9 % at ten million, against fetching a leaf's slots alone).
   */
  #fetch(stride: number): void {
    const { words, at } = this;
    const slots = words[at + stride] ^ words[at + 2 * stride] ^ words[at + 3 * stride];
    const more = words[at + 4 * stride] ^ words[at + 5 * stride] ^ words[at + 6 * stride];
    this.fetched = slots ^ more ^ words[at + this.slabs.nodeWords - CACHE_LINE_WORDS];
  }

  /**
   * Reads into every cell of `count` slots from `first` on, so that the waits for memory overlap: whoever decodes them one by
   * one has too much to do in between. A page of ten took 10 % less, a scan of a hundred 7 %; one of a whole type, which
   * is long enough for the processor to see it coming, would take a little more.
   */
  fetchCells(first: number, count: number): void {
    const { words, at } = this;
    let seen = 0;
    for (let slot = first; slot < first + count; slot++) {
      const loc = this.loc(slot);
      const cell = at + layout.cellWordOf(loc);
      seen ^= words[cell] ^ words[cell + layout.payloadWordsOf(loc)];
    }
    this.fetched = seen;
  }

  /** Slot of the child that covers the key in a branch. */
  childSlot(key: Key): number {
    this.#fetch(2 * CACHE_LINE_WORDS);
    const count = this.count;
    const side = this.#comparePrefix(key);
    if (side !== 0) return side < 0 ? 0 : count - 1;
    const found = this.#searchText(key, 1, count);
    return found >= 0 ? found : ~found - 1;
  }

  /** < 0 if the key lies before every key with this node's prefix, > 0 behind, 0 if it begins with the prefix. */
  #comparePrefix(key: Key): number {
    const prefixBytes = this.words[this.at + layout.PREFIX_BYTES];
    const bytes = this.bytes;
    const target = key.bytes;
    const from = this.at * 4 + this.slabs.nodeBytes - prefixBytes;
    const length = key.length;
    for (let i = 0; i < prefixBytes; i++) {
      if (i === length) return -1;
      const difference = target[i] - bytes[from + i];
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #searchText(key: Key, from: number, to: number): number {
    const words = this.words;
    const prefixBytes = words[this.at + layout.PREFIX_BYTES];
    const head = key.wordAt(prefixBytes);
    const slots = this.at + layout.SLOTS;
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = words[slots + middle * layout.SLOT_WORDS];
      if (there === head) {
        const order = this.#compareRest(middle, key, prefixBytes);
        if (order === 0) return middle;
        if (order < 0) low = middle + 1;
        else high = middle;
      } else if (there < head) low = middle + 1;
      else high = middle;
    }
    return ~low;
  }

  /** Order of a slot's key to `key`, given that prefix and head agree. */
  #compareRest(slot: number, key: Key, prefixBytes: number): number {
    const loc = this.loc(slot);
    const suffix = layout.suffixBytesOf(loc);
    const keySuffix = key.length - prefixBytes;
    const common = Math.min(suffix, keySuffix);
    if (common > layout.HEAD_BYTES) {
      const bytes = this.bytes;
      const target = key.bytes;
      const restAt = (this.at + layout.cellWordOf(loc) + layout.payloadWordsOf(loc)) * 4 - layout.HEAD_BYTES;
      for (let i = layout.HEAD_BYTES; i < common; i++) {
        const difference = bytes[restAt + i] - target[prefixBytes + i];
        if (difference !== 0) return difference;
      }
    }
    return suffix - keySuffix;
  }

  #searchPacked(key: Key, count: number): number {
    if (key.uuidAt === this.words[this.at + layout.PREFIX_BYTES]) {
      return this.#searchUuid(count, key.u0, key.u1, key.u2, key.u3);
    }
    const bound = packedLowerBound(key, this.prefixBytes, bound0);
    if (bound.beyond) return ~count;
    const found = this.#searchUuid(count, bound.u0, bound.u1, bound.u2, bound.u3);
    return found >= 0 ? ~found : found;
  }

  #searchUuid(count: number, u0: number, u1: number, u2: number, u3: number): number {
    const words = this.words;
    const slots = this.at + layout.SLOTS;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const slot = slots + middle * layout.SLOT_WORDS;
      let there = words[slot];
      let wanted = u0;
      if (there === wanted) {
        const loc = words[slot + layout.SLOT_LOC];
        const rest = this.at + layout.cellWordOf(loc) + layout.payloadWordsOf(loc);
        there = words[rest];
        wanted = u1;
        if (there === wanted) {
          there = words[rest + 1];
          wanted = u2;
          if (there === wanted) {
            there = words[rest + 2];
            wanted = u3;
            if (there === wanted) return middle;
          }
        }
      }
      if (there < wanted) low = middle + 1;
      else high = middle;
    }
    return ~low;
  }
}

const UUID_REST_WORDS = (UUID_BYTES - layout.HEAD_BYTES) / 4;

function compareRuns(units: Uint32Array | Uint8Array, a: number, b: number, count: number): number {
  for (let i = 0; i < count; i++) {
    const difference = units[a + i] - units[b + i];
    if (difference !== 0) return difference;
  }
  return 0;
}

const bound0: PackedBound = { beyond: false, u0: 0, u1: 0, u2: 0, u3: 0 };
