import type { Key } from '../key.js';
import type { Outgoing } from './request-writer.js';

const WORDS_AT_FIRST = 16 * 1024;

/** Room for the index of a request below its place, in the 53 bits that a number has. */
const INDEXES = 2 ** 31;

/**
 * The requests of a batch, encoded and addressed before any of them is sent: what is wrong with one is found while
 * nothing has happened, and no key is encoded twice.
 */
export class Prepared {
  #words = new Uint32Array(WORDS_AT_FIRST);
  #bytes = new Uint8Array(this.#words.buffer);
  #end = 0;
  readonly #starts: number[] = [];
  readonly #shards: number[] = [];
  /** Where about each request's key lies in the tree, and its index below that. */
  readonly #places: number[] = [];

  get size(): number {
    return this.#starts.length;
  }

  /** All records, one behind the other. */
  get words(): Uint32Array {
    return this.#words;
  }

  /** First word of a record. */
  start(i: number): number {
    return this.#starts[i];
  }

  shard(i: number): number {
    return this.#shards[i];
  }

  /**
   * The indexes of the requests in the order to send them in: of each `run` of requests, neighbours in the tree go one
   * after the other, so that a shard finds the way to their leaves in its cache, and copies a leaf once in which many
   * of them lie. Those of one key stay in order.
   */
  order(run: number): Uint32Array {
    const places = Float64Array.from(this.#places);
    for (let from = 0; from < places.length; from += run) places.subarray(from, from + run).sort();
    return Uint32Array.from(places, (place) => place - Math.floor(place / INDEXES) * INDEXES);
  }

  add(outgoing: Outgoing, key: Key, shard: number): void {
    const { words } = outgoing;
    while (this.#end + words > this.#words.length) this.#grow();
    this.#words[this.#end] = words;
    outgoing.write(this.#words, this.#bytes, this.#end);
    this.#places.push(placeOf(key) * INDEXES + this.size);
    this.#starts.push(this.#end);
    this.#shards.push(shard);
    this.#end += words;
  }

  #grow(): void {
    const grown = new Uint32Array(this.#words.length * 2);
    grown.set(this.#words);
    this.#words = grown;
    this.#bytes = new Uint8Array(grown.buffer);
  }
}

/**
 * 22 bits that are near each other for keys that are: its type, in any order, and the first bits of its id. That is all
 * that a sort by numbers has room for, and enough to tell the leaves of ten million leases apart where ids are random.
 */
function placeOf(key: Key): number {
  const { bytes } = key;
  let type = 0;
  let at = 0;
  for (; bytes[at] !== 0; at++) type = (Math.imul(type, 31) + bytes[at]) & 0x3f;
  const id = at + 1 === key.uuidAt ? key.u0 >>> 16 : (bytes[at + 1] << 8) | bytes[at + 2];
  return (type << 16) | id;
}
