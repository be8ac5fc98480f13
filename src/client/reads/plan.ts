import { type CheckedRange, checkRange } from '../../arguments.js';
import { Key, type KeyEncoder, putRef } from '../../key.js';
import { OWNER_REF_BYTES } from '../../../native-layout/format.js';
import { compareKeys } from '../../key.js';

/** A range as bytes: keys `from` ≤ key < `to` of the leases tree, open where undefined. */
export interface Plan {
  /** What all the types are, if only one is asked for. */
  readonly type: string | undefined;
  readonly from: Key | undefined;
  readonly to: Key | undefined;
  readonly owner: Uint8Array | undefined;
  readonly reverse: boolean;
  readonly limit: number;
  readonly includeExpired: boolean;
}

export function planRange(encoder: KeyEncoder, range: unknown): Plan {
  const checked = checkRange(range);
  let { from, to } = typeBounds(encoder, checked);
  if (checked.after !== undefined) {
    const after = encoder.encode(new Key(), checked.after, 'range.after');
    if (checked.reverse) to = to === undefined || compareKeys(after, to) < 0 ? after : to;
    else {
      const behind = successor(after);
      from = from === undefined || compareKeys(behind, from) > 0 ? behind : from;
    }
  }
  const { type, reverse, limit, includeExpired } = checked;
  const owner = checked.owner === undefined ? undefined : encoder.owner(checked.owner, 'range.owner');
  return { type, from, to, owner, reverse, limit, includeExpired };
}

function typeBounds(encoder: KeyEncoder, range: CheckedRange): { from: Key | undefined; to: Key | undefined } {
  const { type, lower, upper } = range;
  if (type === undefined) return { from: undefined, to: undefined };
  const from = new Key();
  const at = encoder.typePrefix(from, type, 'range.type');
  if (lower !== undefined) encoder.appendId(from, at, lower.id, 'range.gt');
  const to = new Key();
  encoder.typePrefix(to, type, 'range.type');
  if (upper !== undefined) encoder.appendId(to, at, upper.id, 'range.lt');
  // Behind every id of the type: the NUL that ends the type, plus one.
  else to.bytes[at - 1] = 1;
  return {
    from: lower !== undefined && !lower.inclusive ? successor(from) : from,
    to: upper?.inclusive ? successor(to) : to,
  };
}

/** The first key behind `key`. */
function successor(key: Key): Key {
  const next = new Key().copyFrom(key);
  next.bytes[key.length] = 0;
  return next.setLength(key.length + 1);
}

/** The same bounds among one owner's entries. */
export function ownerBounds(plan: Plan, ref: number): { from: Key; to: Key | undefined } {
  const from = plan.from === undefined ? refOnly(ref) : new Key().setNumberPrefixed(ref, plan.from);
  if (plan.to !== undefined) return { from, to: new Key().setNumberPrefixed(ref, plan.to) };
  return { from, to: ref === 0xffffffff ? undefined : refOnly(ref + 1) };
}

function refOnly(ref: number): Key {
  const key = new Key();
  putRef(key.bytes, ref);
  return key.setLength(OWNER_REF_BYTES);
}
