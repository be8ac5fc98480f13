import * as layout from '../../native-layout/mailbox.js';
import { u53 } from '../../native-layout/lease-record.js';
import type { Key } from '../key.js';
import type { RingReader } from '../mailbox/ring.js';

/** A flyweight over one request in the ring: reads its fields in place. */
export class Request {
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Word at which the id begins. */
  #body = 0;

  constructor(ring: RingReader) {
    this.#words = ring.words;
    this.#bytes = ring.bytes;
  }

  open(at: number): this {
    this.#at = at;
    this.#body = at + layout.REQUEST_BODY + (this.op === layout.OP_IMPORT ? layout.IMPORT_WORDS : 0);
    return this;
  }

  get op(): number {
    return this.#words[this.#at + layout.REQUEST_OP] & 255;
  }

  get call(): number {
    return this.#words[this.#at + layout.REQUEST_CALL];
  }

  get ttlMs(): number {
    return this.#words[this.#at + layout.REQUEST_TTL];
  }

  get token(): number {
    return u53(this.#words, this.#at + layout.REQUEST_TOKEN);
  }

  get valueBytes(): number {
    return this.#words[this.#at + layout.REQUEST_VALUE];
  }

  get importExpiresAtMs(): number {
    return u53(this.#words, this.#at + layout.REQUEST_BODY + layout.IMPORT_EXPIRES);
  }

  get importRenewals(): number {
    return this.#words[this.#at + layout.REQUEST_BODY + layout.IMPORT_RENEWALS];
  }

  has(flag: number): boolean {
    return ((this.#words[this.#at + layout.REQUEST_OP] >>> 8) & flag) !== 0;
  }

  readKey(key: Key): Key {
    const head = this.#words[this.#at + layout.REQUEST_KEY];
    const typeBytes = head & 255;
    const packed = ((head >>> 8) & 255) !== 0;
    const idBytes = head >>> 16;
    const target = key.bytes;
    const source = this.#bytes;
    const typeAt = (this.#body + layout.paddedWords(idBytes)) * 4;
    for (let i = 0; i < typeBytes; i++) target[i] = source[typeAt + i];
    target[typeBytes] = 0;
    const idAt = typeBytes + 1;
    if (packed) {
      const words = this.#words;
      const at = this.#body;
      key.appendUuid(idAt, words[at], words[at + 1], words[at + 2], words[at + 3]);
      return key;
    }
    const from = this.#body * 4;
    for (let i = 0; i < idBytes; i++) target[idAt + i] = source[from + i];
    return key.setLength(idAt + idBytes);
  }

  /** A copy of the owner's name. */
  get owner(): Uint8Array {
    const at = this.#ownerAt * 4;
    return this.#bytes.slice(at, at + this.#ownerBytes);
  }

  /** A copy of the value, or `undefined` if the request brings none. */
  get value(): Uint8Array | undefined {
    if (!this.has(layout.FLAG_VALUE)) return undefined;
    const at = (this.#ownerAt + layout.paddedWords(this.#ownerBytes)) * 4;
    return this.#bytes.slice(at, at + this.valueBytes);
  }

  get #ownerBytes(): number {
    return this.#words[this.#at + layout.REQUEST_OP] >>> 16;
  }

  get #ownerAt(): number {
    const head = this.#words[this.#at + layout.REQUEST_KEY];
    return this.#body + layout.paddedWords(head >>> 16) + layout.paddedWords(head & 255);
  }
}
