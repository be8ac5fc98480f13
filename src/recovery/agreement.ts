import { OWNER_REF_BYTES, UUID_TEXT_BYTES } from '../../native-layout/format.js';
import { OWNER_REF, payloadWordsDue } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import { Key } from '../key.js';
import { TreeDamage } from '../tree/check.js';
import { namePayloadWordsDue, readNameEntry } from '../tree/names.js';
import type { Node } from '../tree/node.js';

/**
 * Whether the trees of one commit speak of the same leases and owners. Its methods hear every leaf of their tree.
 *
 * Leases and owners are sorted differently, so they are not walked side by side: of every entry a hash is added up, and
 * what agrees has the same sums. What does not passes by chance once in 2^32. The hash needs no key, because ids that
 * somebody chose cannot make the trees differ. An entry whose payload has not the size that it must have ends the walk: see
 * {@link TreeDamage}.
 */
export class Agreement {
  readonly #key = new Key();
  #leases = 0;
  #owners = 0;
  #refsOfOwners = 0;
  #refsOfNames = 0;
  #byName = 0;
  #byRef = 0;
  #lastRef = 0;

  readonly leaseLeaf = (leaf: Node): void => {
    const { words, count } = leaf;
    const prefix = this.#prefixHash(leaf, 0);
    for (let slot = 0; slot < count; slot++) {
      const at = leaf.payloadAt(slot);
      const size = leaf.payloadWords(slot);
      if (size !== payloadWordsDue(words, at, size)) throw misfit('leases', leaf, slot);
      const ref = words[at + OWNER_REF];
      this.#leases = (this.#leases + step(this.#keyHash(leaf, slot, prefix, 0), ref)) | 0;
    }
  };

  readonly ownerLeaf = (leaf: Node): void => {
    const { bytes, count } = leaf;
    if (leaf.prefixBytes < OWNER_REF_BYTES) {
      // Leases of several owners.
      for (let slot = 0; slot < count; slot++) {
        const key = leaf.readKey(slot, this.#key);
        this.#owned(keyHash(key, OWNER_REF_BYTES), key.wordAt(0));
      }
      return;
    }
    const at = leaf.prefixAt;
    const ref = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
    const prefix = this.#prefixHash(leaf, OWNER_REF_BYTES);
    for (let slot = 0; slot < count; slot++) this.#owned(this.#keyHash(leaf, slot, prefix, OWNER_REF_BYTES), ref);
  };

  readonly nameLeaf = (leaf: Node): void => {
    for (let slot = 0; slot < leaf.count; slot++) {
      if (leaf.payloadWords(slot) !== namePayloadWordsDue(leaf, slot, this.#key)) throw misfit('names', leaf, slot);
      const { ref, name, isByRef } = readNameEntry(leaf, slot, this.#key);
      const hash = step(bytesHash(START, name, 0, name.length), ref);
      if (isByRef) {
        this.#byRef = (this.#byRef + hash) | 0;
        this.#refsOfNames = (this.#refsOfNames + step(START, ref)) | 0;
      } else this.#byName = (this.#byName + hash) | 0;
    }
  };

  /** What the trees contradict each other in, if they do. */
  get contradiction(): string | undefined {
    if (this.#leases !== this.#owners) return 'its entries are not those of the leases';
    if (this.#byName !== this.#byRef || this.#refsOfOwners !== this.#refsOfNames)
      return 'its owners are not the named ones';
    return undefined;
  }

  #owned(hash: number, ref: number): void {
    this.#owners = (this.#owners + step(hash, ref)) | 0;
    // All leases of an owner follow each other.
    if (ref === this.#lastRef) return;
    this.#lastRef = ref;
    this.#refsOfOwners = (this.#refsOfOwners + step(START, ref)) | 0;
  }

  /** The hash of what all keys of a leaf begin with, from byte `skip` on. */
  #prefixHash(leaf: Node, skip: number): number {
    const from = leaf.prefixAt;
    return bytesHash(START, leaf.bytes, from + skip, from + leaf.prefixBytes);
  }

  /** {@link keyHash} of a slot's key, where it lies if that can be. */
  #keyHash(leaf: Node, slot: number, prefix: number, skip: number): number {
    const { words, bytes } = leaf;
    const loc = leaf.loc(slot);
    const head = leaf.head(slot);
    const rest = leaf.at + layout.cellWordOf(loc) + layout.payloadWordsOf(loc);
    if (leaf.uuidTail) return uuidHash(prefix, head, words[rest], words[rest + 1], words[rest + 2]);
    const suffix = layout.suffixBytesOf(loc);
    // It may end in a UUID that the other tree keeps packed.
    if (leaf.prefixBytes + suffix - skip > UUID_TEXT_BYTES) return keyHash(leaf.readKey(slot, this.#key), skip);
    let hash = prefix;
    for (let i = 0, shift = 24; i < suffix && i < layout.HEAD_BYTES; i++, shift -= 8) {
      hash = step(hash, (head >>> shift) & 255);
    }
    return suffix <= layout.HEAD_BYTES ? hash : bytesHash(hash, bytes, rest * 4, rest * 4 + suffix - layout.HEAD_BYTES);
  }
}

function misfit(tree: string, leaf: Node, slot: number): TreeDamage {
  return new TreeDamage(tree, leaf.id, `what slot ${slot} holds does not take ${leaf.payloadWords(slot)} words`);
}

const START = 0x2545f491;

/** Of a key from byte `skip` on: bytes, and a UUID at the end as its four words, however a leaf keeps it. */
function keyHash(key: Key, skip: number): number {
  if (key.uuidAt < 0) return bytesHash(START, key.bytes, skip, key.length);
  return uuidHash(bytesHash(START, key.bytes, skip, key.uuidAt), key.u0, key.u1, key.u2, key.u3);
}

function uuidHash(hash: number, u0: number, u1: number, u2: number, u3: number): number {
  return step(step(step(step(hash, u0), u1), u2), u3);
}

function bytesHash(hash: number, bytes: Uint8Array, from: number, to: number): number {
  let state = hash;
  for (let i = from; i < to; i++) state = step(state, bytes[i]);
  return state;
}

/** Loses nothing: for a given word every state leads to another, and so does every word for a given state. */
function step(state: number, word: number): number {
  const mixed = Math.imul(state ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
