import * as layout from '../../../native-layout/lease-record.js';
import type { Key } from '../../key.js';
import type { Lease } from '../../lease.js';
import { Node } from '../../tree/node.js';
import { readValue } from '../../tree/values.js';
import type { ValueCodec } from '../../value-codec.js';
import type { ShardView } from './shard-view.js';

/** When the lease was acquired: its token is the wall clock, or a little ahead of it where tokens had to hurry. */
export function acquiredAtMs(token: number, expiresAtMs: number, ttlMs: number): number {
  return Math.min(Math.floor(token / 1000), expiresAtMs - ttlMs);
}

/** Turns what lies in a leaf into values of the caller's own. */
export class LeaseDecoder<V> {
  readonly #codec: ValueCodec<V>;
  readonly #text = Buffer.alloc(512);
  #type = '';
  #typeBytes = new Uint8Array(0);

  constructor(codec: ValueCodec<V>) {
    this.#codec = codec;
  }

  /** The lease in a slot, whose key the caller knows. */
  decode(view: ShardView, pin: number, leaf: Node, slot: number, type: string, id: string): Lease<V> {
    const { words } = leaf;
    const at = leaf.payloadAt(slot);
    const token = layout.u53(words, at + layout.TOKEN);
    const expiresAtMs = layout.u53(words, at + layout.EXPIRES_AT);
    const ttlMs = words[at + layout.TTL];
    const lease = {
      key: { type, id },
      owner: view.ownerName(pin, words[at + layout.OWNER_REF]),
      token,
      expiresAtMs,
      ttlMs,
      acquiredAtMs: acquiredAtMs(token, expiresAtMs, ttlMs),
      renewals: words[at + layout.RENEWALS],
    };
    if (leaf.payloadWords(slot) === layout.LEASE_WORDS) return lease;
    return { ...lease, value: this.value(leaf, slot) as V };
  }

  value(leaf: Node, slot: number): V | undefined {
    if (leaf.payloadWords(slot) === layout.LEASE_WORDS) return undefined;
    const { words, bytes } = leaf;
    const at = leaf.payloadAt(slot);
    const size = words[at + layout.VALUE_SIZE];
    const length = size & layout.VALUE_SIZE_MASK;
    const start = at + layout.VALUE_START;
    if ((size & layout.VALUE_IN_NODES) === 0) return this.#codec.decode(bytes.slice(start * 4, start * 4 + length));
    return this.#codec.decode(readValue(new Node(leaf.slabs), words[start], new Uint8Array(length)));
  }

  /** Most leases that are read one after the other have one type: its text is made once. */
  typeOf(key: Key): string {
    const known = this.#typeBytes;
    const { bytes } = key;
    let i = 0;
    while (i < known.length && bytes[i] === known[i]) i++;
    // The NUL behind a type is part of what is compared.
    if (i === known.length && i > 0) return this.#type;
    const end = bytes.indexOf(0);
    this.#typeBytes = bytes.slice(0, end + 1);
    this.#type = Buffer.from(bytes.buffer, 0, end).toString('utf8');
    return this.#type;
  }

  /** Bytes in front of the id in the key that {@link typeOf} was last asked for. */
  get typeLength(): number {
    return this.#typeBytes.length;
  }

  idOf(key: Key): string {
    const start = key.bytes.indexOf(0) + 1;
    return this.text(key.bytes, start, key.length);
  }

  text(bytes: Uint8Array, from: number, to: number): string {
    let seen = 0;
    for (let i = from; i < to; i++) {
      this.#text[i - from] = bytes[i];
      seen |= bytes[i];
    }
    return seen < 0x80 ? this.#text.toString('latin1', 0, to - from) : this.#text.toString('utf8', 0, to - from);
  }
}

/**
 * The ids of many keys as one string to be cut up: making one long string and slicing it costs a fraction of making
 * many short ones.
 */
export class IdTexts {
  readonly #buffer = Buffer.alloc(ID_TEXT_BYTES);
  #end = 0;
  #ascii = true;

  clear(): void {
    this.#end = 0;
    this.#ascii = true;
  }

  /** Where the id of a key that was added begins; it ends where the next begins. */
  add(key: Key, from: number): number {
    const { bytes, length } = key;
    const start = this.#end;
    let seen = 0;
    for (let i = from; i < length; i++) {
      this.#buffer[start + i - from] = bytes[i];
      seen |= bytes[i];
    }
    if (seen > 0x7f) this.#ascii = false;
    this.#end = start + length - from;
    return start;
  }

  get full(): boolean {
    return this.#end + 512 > ID_TEXT_BYTES;
  }

  /** Cuts the ids apart; `starts` are their beginnings, in order. */
  cut(starts: readonly number[], count: number, take: (i: number, id: string) => void): void {
    const whole = this.#ascii ? this.#buffer.toString('latin1', 0, this.#end) : undefined;
    for (let i = 0; i < count; i++) {
      const end = i + 1 < count ? starts[i + 1] : this.#end;
      take(i, whole === undefined ? this.#buffer.toString('utf8', starts[i], end) : whole.substring(starts[i], end));
    }
  }
}

const ID_TEXT_BYTES = 16 * 1024;
