import { Key, KeyEncoder } from '../../key.js';
import type { ActorKey } from '../../lease.js';

/**
 * UTF-8 bytes as a string of as many characters, one a byte. Such strings sort as their bytes do, which JavaScript's
 * own strings do not, and an ASCII text is its own byte text.
 */
export type ByteText = string;

const NUL = '\0';
const NOT_ASCII = /[\x80-\xff]/;

export function toByteText(bytes: Uint8Array): ByteText {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

const encoder = new TextEncoder();

export function byteText(text: string): ByteText {
  return toByteText(encoder.encode(text));
}

export function bytesOf(text: ByteText): Buffer {
  return Buffer.from(text, 'latin1');
}

function decode(text: ByteText): string {
  return NOT_ASCII.test(text) ? bytesOf(text).toString() : text;
}

/** Turns actor keys and owners into byte texts, and refuses what cannot be one. */
export class TextEncoding {
  readonly #encoder = new KeyEncoder();
  readonly #key = new Key();
  readonly #keyBuffer = Buffer.from(this.#key.bytes.buffer, this.#key.bytes.byteOffset, this.#key.bytes.length);

  /** `type NUL id`. */
  key(actor: unknown, field = 'key'): ByteText {
    this.#encoder.encode(this.#key, actor, field);
    return this.#keyBuffer.toString('latin1', 0, this.#key.length);
  }

  owner(owner: unknown, field = 'owner'): ByteText {
    return toByteText(this.#encoder.owner(owner, field));
  }
}

/** The actor of a key's byte text. */
export function actorOf(key: ByteText): ActorKey {
  const at = key.indexOf(NUL);
  return { type: decode(key.slice(0, at)), id: decode(key.slice(at + 1)) };
}

export function ownerOf(owner: ByteText): string {
  return decode(owner);
}

/** Where an owner's lease is found in the second key space, which is ordered by owner and then by key. */
export function ownerKeyOf(owner: ByteText, key: ByteText): ByteText {
  return owner + NUL + key;
}

/** The lease's own key in a key of the second key space. */
export function keyOfOwnerKey(ownerKey: ByteText): ByteText {
  return ownerKey.slice(ownerKey.indexOf(NUL) + 1);
}
