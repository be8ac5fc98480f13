import * as layout from '../../native-layout/mailbox.js';
import { u53 } from '../../native-layout/lease-record.js';
import type { RingReader } from '../mailbox/ring.js';

/** A flyweight over one completion in the ring. */
export class Completion {
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(ring: RingReader) {
    this.#words = ring.words;
    this.#bytes = ring.bytes;
  }

  open(at: number): this {
    this.#at = at;
    return this;
  }

  get call(): number {
    return this.#words[this.#at + layout.DONE_CALL];
  }

  get status(): number {
    return this.#words[this.#at + layout.DONE_STATUS] & 255;
  }

  /** Of a failure: whether the operation may have happened all the same. */
  get outcomeUnknown(): boolean {
    return ((this.#words[this.#at + layout.DONE_STATUS] >>> 8) & 255) !== 0;
  }

  get ttlMs(): number {
    return this.#words[this.#at + layout.DONE_TTL];
  }

  get failure(): (typeof layout.FAILURES)[number] {
    return layout.FAILURES[this.ttlMs] ?? 'ERR_HOLDFAST_IO';
  }

  get expiresAtMs(): number {
    return u53(this.#words, this.#at + layout.DONE_EXPIRES);
  }

  /** What a completion that counts brings instead of a deadline. */
  get count(): number {
    return this.expiresAtMs;
  }

  get token(): number {
    return u53(this.#words, this.#at + layout.DONE_TOKEN);
  }

  get renewals(): number {
    return this.#words[this.#at + layout.DONE_RENEWALS];
  }

  /** A copy of the holder's name. */
  get owner(): Uint8Array {
    const at = (this.#at + layout.DONE_BODY) * 4;
    return this.#bytes.slice(at, at + this.#ownerBytes);
  }

  /** A copy of the holder's value. */
  get value(): Uint8Array | undefined {
    if (((this.#words[this.#at + layout.DONE_STATUS] >>> 8) & layout.FLAG_VALUE) === 0) return undefined;
    const at = (this.#at + layout.DONE_BODY + layout.paddedWords(this.#ownerBytes)) * 4;
    return this.#bytes.slice(at, at + this.#words[this.#at + layout.DONE_VALUE]);
  }

  get #ownerBytes(): number {
    return this.#words[this.#at + layout.DONE_STATUS] >>> 16;
  }
}
