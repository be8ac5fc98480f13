import { type ByteText, bytesOf } from '../semantics/byte-text.js';
import type { KeyRange } from '../semantics/key-range.js';

/*
 * One ordered store holds three spaces, told apart by the first byte of a key:
 *
 *   l type NUL id              → the lease
 *   o owner NUL type NUL id    → nothing
 *   m name                     → what the store keeps about itself
 */
const LEASES = 'l';
const OWNERS = 'o';
const META = 'm';

const after = (space: string): ByteText => String.fromCharCode(space.charCodeAt(0) + 1);

export function leaseKey(key: ByteText): Buffer {
  return bytesOf(LEASES + key);
}

export function ownerEntryKey(ownerKey: ByteText): Buffer {
  return bytesOf(OWNERS + ownerKey);
}

export function metaKey(name: string): Buffer {
  return bytesOf(META + name);
}

/** The key without its space. */
export function keyWithin(bytes: Buffer): ByteText {
  return bytes.toString('latin1', 1);
}

/** A range of keys of leases, or of an owner's, with the space in front. */
export function spaceBounds({ owner, from, to }: KeyRange): { readonly from: Buffer; readonly to: Buffer } {
  const space = owner === undefined ? LEASES : OWNERS;
  return { from: bytesOf(space + from), to: bytesOf(to === undefined ? after(space) : space + to) };
}
