import { type Key, putRef } from '../key.js';
import type { Node } from './node.js';

/*
 * The names tree maps owner names to the small numbers that leases carry, and back:
 *
 *   1, name bytes            → reference
 *   2, reference big-endian  → name length in bytes, name bytes
 *
 * A name is in use for as long as the owners tree has an entry for its reference, so no use count is kept.
 */

const BY_NAME = 1;
const BY_REF = 2;

/** Payload words of the entry under a name. */
export const NAME_PAYLOAD_WORDS = 1;

export function nameKey(key: Key, name: Uint8Array): Key {
  key.bytes[0] = BY_NAME;
  for (let i = 0; i < name.length; i++) key.bytes[1 + i] = name[i];
  return key.setLength(1 + name.length);
}

export function refKey(key: Key, ref: number): Key {
  putRef(key.bytes, ref, 1);
  key.bytes[0] = BY_REF;
  return key.setLength(5);
}

/** Payload words of the entry under a reference. */
function refPayloadWords(nameBytes: number): number {
  return 1 + ((nameBytes + 3) >>> 2);
}

/** Writes the payload of an entry under a reference; answers its words. */
export function putName(payload: Uint32Array, name: Uint8Array): number {
  const words = refPayloadWords(name.length);
  payload.fill(0, 0, words);
  payload[0] = name.length;
  new Uint8Array(payload.buffer, payload.byteOffset + 4, name.length).set(name);
  return words;
}

/** The name in a payload at word `at`. Copies: text decoders refuse shared memory. */
export function nameAt(words: Uint32Array, bytes: Uint8Array, at: number): Uint8Array {
  const start = (at + 1) * 4;
  return bytes.slice(start, start + words[at]);
}

/** What one entry says: that `name` and `ref` belong together. */
export interface NameEntry {
  readonly name: Uint8Array;
  readonly ref: number;
  /** Which of the two entries of a name it is. */
  readonly isByRef: boolean;
}

/** Words that the payload of a leaf's slot must have; `key` is overwritten. */
export function namePayloadWordsDue(leaf: Node, slot: number, key: Key): number {
  leaf.readKey(slot, key);
  return key.bytes[0] === BY_REF ? refPayloadWords(leaf.words[leaf.payloadAt(slot)]) : NAME_PAYLOAD_WORDS;
}

/** Reads the entry of a leaf's slot; `key` is overwritten. */
export function readNameEntry(leaf: Node, slot: number, key: Key): NameEntry {
  const { words, bytes } = leaf;
  const at = leaf.payloadAt(slot);
  leaf.readKey(slot, key);
  return key.bytes[0] === BY_REF
    ? { name: nameAt(words, bytes, at), ref: key.wordAt(1), isByRef: true }
    : { name: key.bytes.slice(1, key.length), ref: words[at], isByRef: false };
}
