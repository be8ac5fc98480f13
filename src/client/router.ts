import { UUID_TEXT_BYTES } from '../../native-layout/format.js';
import type { Key } from '../key.js';

export type HashSeed = readonly [number, number, number, number];

/**
 * Spreads keys over shards by a keyed hash, so that nobody who chooses ids can aim them all at one shard:
 * HalfSipHash with one compression and three finalization rounds (Aumasson and Bernstein, "SipHash", 2012; the 32-bit
 * variant of their reference code), over words. A UUID at the end of a key counts as its four words.
 */
export class Router {
  readonly shards: number;
  readonly #hash: HalfSipHash;

  constructor(seed: HashSeed, shards: number) {
    this.shards = shards;
    this.#hash = new HalfSipHash(seed[0] ^ seed[2], seed[1] ^ seed[3], 1, 3);
  }

  shardOf(key: Key): number {
    if (this.shards === 1) return 0;
    const hash = this.#hash;
    hash.begin();
    const packed = key.uuidAt >= 0;
    const bytes = packed ? key.length - UUID_TEXT_BYTES : key.length;
    for (let at = 0; at < bytes; at += 4) {
      const left = bytes - at;
      // A key's bytes are followed by zeros only at its end: what belongs to the UUID is masked off.
      hash.add(left >= 4 ? key.wordAt(at) : key.wordAt(at) & (-1 << (8 * (4 - left))));
    }
    if (packed) {
      hash.add(key.u0);
      hash.add(key.u1);
      hash.add(key.u2);
      hash.add(key.u3);
    }
    hash.add(key.length);
    return hash.finish() % this.shards;
  }
}

/** HalfSipHash over whole words; the number of rounds is a parameter so that published vectors can be checked. */
export class HalfSipHash {
  readonly #k0: number;
  readonly #k1: number;
  readonly #compress: number;
  readonly #finalize: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;

  constructor(k0: number, k1: number, compress: number, finalize: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
    this.#compress = compress;
    this.#finalize = finalize;
  }

  begin(): void {
    this.#v0 = this.#k0;
    this.#v1 = this.#k1;
    this.#v2 = 0x6c796765 ^ this.#k0;
    this.#v3 = 0x74656462 ^ this.#k1;
  }

  add(word: number): void {
    this.#v3 ^= word;
    this.#rounds(this.#compress);
    this.#v0 ^= word;
  }

  /** An unsigned word. */
  finish(): number {
    this.#v2 ^= 0xff;
    this.#rounds(this.#finalize);
    return (this.#v1 ^ this.#v3) >>> 0;
  }

  #rounds(count: number): void {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}
