import type { Key } from '../key.js';
import { KeyOrder, placeOf } from '../key-order.js';
import type { Outgoing } from './request-writer.js';

const WORDS_AT_FIRST = 16 * 1024;

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
  readonly #order = new KeyOrder();

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
    return this.#order.order(run);
  }

  add(outgoing: Outgoing, key: Key, shard: number): void {
    const { words } = outgoing;
    while (this.#end + words > this.#words.length) this.#grow();
    this.#words[this.#end] = words;
    outgoing.write(this.#words, this.#bytes, this.#end);
    this.#order.add(placeOf(key));
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
