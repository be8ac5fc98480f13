import { TREE_KEY_BYTES_MAX } from '../../native-layout/format.js';
import { Key } from '../key.js';
import type { Node } from './node.js';

const INITIAL = 256;

/**
 * Entries lifted out of nodes into plain arrays, to be laid out anew. Kept and reused by the writer, so a split
 * allocates nothing.
 */
export class Entries {
  length = 0;
  #keys = new Uint8Array(INITIAL * 48);
  #keysEnd = 0;
  #payloads = new Uint32Array(INITIAL * 12);
  #payloadsEnd = 0;
  #keyAt = new Uint32Array(INITIAL);
  #keyBytes = new Uint32Array(INITIAL);
  #uuidAt = new Int32Array(INITIAL);
  #payloadAt = new Uint32Array(INITIAL);
  #payloadWords = new Uint32Array(INITIAL);
  readonly #key = new Key();

  clear(): void {
    this.length = 0;
    this.#keysEnd = 0;
    this.#payloadsEnd = 0;
  }

  push(key: Key, payload: Uint32Array, from: number, words: number): void {
    this.#reserve(words);
    const i = this.length++;
    const keys = this.#keys;
    const keyAt = this.#keysEnd;
    for (let b = 0; b < key.length; b++) keys[keyAt + b] = key.bytes[b];
    this.#keyAt[i] = keyAt;
    this.#keyBytes[i] = key.length;
    this.#uuidAt[i] = key.uuidAt;
    this.#keysEnd += key.length;
    const payloads = this.#payloads;
    const payloadAt = this.#payloadsEnd;
    for (let w = 0; w < words; w++) payloads[payloadAt + w] = payload[from + w];
    this.#payloadAt[i] = payloadAt;
    this.#payloadWords[i] = words;
    this.#payloadsEnd += words;
  }

  /** Lifts slots `from` to `to` out of a node. */
  pushNode(node: Node, from: number, to: number): void {
    for (let slot = from; slot < to; slot++) {
      this.push(node.readKey(slot, this.#key), node.words, node.payloadAt(slot), node.payloadWords(slot));
    }
  }

  pushEntries(other: Entries, from: number, to: number): void {
    for (let i = from; i < to; i++)
      this.push(other.readKey(i, this.#key), other.#payloads, other.#payloadAt[i], other.#payloadWords[i]);
  }

  /** Bytes of all keys and payloads. */
  get bytes(): number {
    return this.#keysEnd + this.#payloadsEnd * 4;
  }

  /** The payload words of all entries; entry `i` has its own from `payloadAt(i)`. */
  get payloads(): Uint32Array {
    return this.#payloads;
  }

  payloadAt(i: number): number {
    return this.#payloadAt[i];
  }

  payloadWords(i: number): number {
    return this.#payloadWords[i];
  }

  keyBytes(i: number): number {
    return this.#keyBytes[i];
  }

  /** Where the key's UUID starts, or -1. */
  uuidAt(i: number): number {
    return this.#uuidAt[i];
  }

  readKey(i: number, key: Key): Key {
    const at = this.#keyAt[i];
    return key.setBytes(this.#keys, at, at + this.#keyBytes[i]);
  }

  /** Bytes that two keys begin with alike. */
  commonBytes(a: number, b: number): number {
    const keys = this.#keys;
    const from = this.#keyAt[a];
    const other = this.#keyAt[b];
    const most = Math.min(this.#keyBytes[a], this.#keyBytes[b]);
    let i = 0;
    while (i < most && keys[from + i] === keys[other + i]) i++;
    return i;
  }

  #reserve(words: number): void {
    if (this.length === this.#keyAt.length) {
      this.#keyAt = doubled(this.#keyAt);
      this.#keyBytes = doubled(this.#keyBytes);
      this.#uuidAt = doubled(this.#uuidAt);
      this.#payloadAt = doubled(this.#payloadAt);
      this.#payloadWords = doubled(this.#payloadWords);
    }
    if (this.#keysEnd + TREE_KEY_BYTES_MAX > this.#keys.length) this.#keys = doubled(this.#keys);
    while (this.#payloadsEnd + words > this.#payloads.length) this.#payloads = doubled(this.#payloads);
  }
}

type Growable = Uint8Array | Uint32Array | Int32Array;

function doubled<T extends Growable>(array: T): T {
  const grown = new (array.constructor as new (length: number) => T)(array.length * 2);
  grown.set(array);
  return grown;
}
