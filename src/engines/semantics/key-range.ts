import type { CheckedRange } from '../../arguments.js';
import { type ByteText, byteText, ownerKeyOf } from './byte-text.js';

/** Keys from `from` on and before `to`, in one of the two key spaces. */
export interface KeyRange {
  /** With an owner, the keys are those of the owners' space. */
  readonly owner: ByteText | undefined;
  readonly from: ByteText;
  /** Undefined: to the end. */
  readonly to: ByteText | undefined;
}

/** No name contains NUL: this is below every longer key, and `next` of a prefix is above all keys that begin with it. */
const NUL = '\0';
const BEHIND_NUL = '\x01';

/** Which keys a range covers; empty where `from` is not below `to`. */
export function keyRangeOf(range: CheckedRange): KeyRange {
  const { type, lower, upper, after, reverse } = range;
  let from = '';
  let to: ByteText | undefined;
  if (type !== undefined) {
    const prefix = byteText(type);
    from = prefix + NUL + (lower === undefined ? '' : byteText(lower.id) + (lower.inclusive ? '' : NUL));
    to = upper === undefined ? prefix + BEHIND_NUL : prefix + NUL + byteText(upper.id) + (upper.inclusive ? NUL : '');
  }
  if (after !== undefined) {
    const key = byteText(after.type) + NUL + byteText(after.id);
    if (!reverse) from = from > key ? from : key + NUL;
    else if (to === undefined || to > key) to = key;
  }
  if (range.owner === undefined) return { owner: undefined, from, to };
  const owner = byteText(range.owner);
  return { owner, from: ownerKeyOf(owner, from), to: to === undefined ? owner + BEHIND_NUL : ownerKeyOf(owner, to) };
}

/** All leases of an owner behind `after`. */
export function ownerRange(owner: ByteText, after: ByteText | undefined): KeyRange {
  const from = ownerKeyOf(owner, after === undefined ? '' : after + NUL);
  return { owner, from, to: owner + BEHIND_NUL };
}
