import { HEAD, RING_HEADER_BYTES, RING_WORDS, TAIL } from '../../native-layout/mailbox.js';
import { assert } from '../assert.js';

/** A ring of `bytes` (a power of two) of records, all zero. */
export function createRing(bytes: number): SharedArrayBuffer {
  assert(Number.isInteger(Math.log2(bytes)), 'a ring is a power of two long');
  return new SharedArrayBuffer(RING_HEADER_BYTES + bytes);
}

/** The length word that sends the consumer back to the beginning. */
const SKIP = 0;

/**
 * The producing side. Records are written in place and become visible together, with {@link publish}. It keeps its
 * own copy of the other side's position and reads the real one only when the copy says that the ring is full
 * (Thompson et al., "Disruptor", 2011).
 */
export class RingWriter {
  /** Records are written here, at the index that {@link reserve} answers. */
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
  readonly #shared: Int32Array;
  readonly #capacity: number;
  readonly #mask: number;
  #tail: number;
  #headSeen: number;

  constructor(ring: SharedArrayBuffer) {
    this.words = new Uint32Array(ring, RING_HEADER_BYTES);
    this.bytes = new Uint8Array(ring, RING_HEADER_BYTES);
    this.#shared = new Int32Array(ring, 0, RING_WORDS);
    this.#capacity = this.words.length;
    this.#mask = this.#capacity - 1;
    this.#tail = Atomics.load(this.#shared, TAIL);
    this.#headSeen = Atomics.load(this.#shared, HEAD);
  }

  /** Longest record that always fits an empty ring, wherever its positions stand. */
  get recordWordsMax(): number {
    return this.#capacity >>> 1;
  }

  /** Whether a record of `words` fits now. */
  fits(words: number): boolean {
    const at = this.#tail & this.#mask;
    const toEnd = this.#capacity - at;
    const need = toEnd >= words ? words : toEnd + words;
    if (this.#free() >= need) return true;
    this.#headSeen = Atomics.load(this.#shared, HEAD);
    return this.#free() >= need;
  }

  /** Index in {@link words} for a record of `words`, its first word already set; the caller knows that it fits. */
  reserve(words: number): number {
    let at = this.#tail & this.#mask;
    const toEnd = this.#capacity - at;
    if (toEnd < words) {
      this.words[at] = SKIP;
      this.#tail = (this.#tail + toEnd) | 0;
      at = 0;
    }
    this.words[at] = words;
    this.#tail = (this.#tail + words) | 0;
    return at;
  }

  /** Where the next record would go; {@link rewind} there takes back what was not published. */
  mark(): number {
    return this.#tail;
  }

  rewind(mark: number): void {
    this.#tail = mark;
  }

  /** Makes all reserved records visible. */
  publish(): void {
    Atomics.store(this.#shared, TAIL, this.#tail);
  }

  #free(): number {
    return this.#capacity - ((this.#tail - this.#headSeen) | 0);
  }
}

/** The consuming side: records are read in place and given back together, with {@link release}. */
export class RingReader {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
  readonly #shared: Int32Array;
  readonly #mask: number;
  #head: number;
  #tailSeen: number;

  constructor(ring: SharedArrayBuffer) {
    this.words = new Uint32Array(ring, RING_HEADER_BYTES);
    this.bytes = new Uint8Array(ring, RING_HEADER_BYTES);
    this.#shared = new Int32Array(ring, 0, RING_WORDS);
    this.#mask = this.words.length - 1;
    this.#head = Atomics.load(this.#shared, HEAD);
    this.#tailSeen = Atomics.load(this.#shared, TAIL);
  }

  /** Whether a record is known to wait, without a look at what was published meanwhile. */
  get known(): boolean {
    return this.#head !== this.#tailSeen;
  }

  /** Whether a record waits; looks for new ones if none is known. */
  look(): boolean {
    if (!this.known) this.#tailSeen = Atomics.load(this.#shared, TAIL);
    return this.known;
  }

  /** Index of the next record in {@link words}, or -1. */
  next(): number {
    if (!this.look()) return -1;
    let at = this.#head & this.#mask;
    if (this.words[at] === SKIP) {
      this.#head = (this.#head + (this.words.length - at)) | 0;
      at = 0;
    }
    this.#head = (this.#head + this.words[at]) | 0;
    return at;
  }

  /** Whether a record waits, without taking it. */
  get ready(): boolean {
    return this.#head !== this.#tailSeen || Atomics.load(this.#shared, TAIL) !== this.#head;
  }

  /** Gives everything taken so far back to the producer. */
  release(): void {
    Atomics.store(this.#shared, HEAD, this.#head);
  }

  /** Drops whatever was produced so far, unread. */
  discard(): void {
    this.#head = Atomics.load(this.#shared, TAIL);
    this.#tailSeen = this.#head;
    this.release();
  }
}
