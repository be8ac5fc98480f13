import { UUID_TEXT_BYTES } from '../../native-layout/format.js';
import type { Key } from '../key.js';

/** The least packed UUID whose text is not before some other text; `beyond` if every UUID's text is before it. */
export interface PackedBound {
  beyond: boolean;
  u0: number;
  u1: number;
  u2: number;
  u3: number;
}

const DASH = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const LETTER_A = 0x61;
const LETTER_F = 0x66;

const digits = new Uint8Array(32);

/**
 * Where a text that is no UUID falls among UUIDs. The text is followed digit by digit for as long as it could be one;
 * at the first character that could not, it lies before or behind all UUIDs that share the digits so far, or between
 * those that go on with 9 and with a.
 */
export function packedLowerBound(key: Key, from: number, bound: PackedBound): PackedBound {
  const text = key.bytes;
  const length = key.length - from;
  digits.fill(0);
  let at = 0;
  for (let i = 0; i < UUID_TEXT_BYTES; i++) {
    // The text ends here: it is a prefix of every UUID that goes on from these digits, hence before them all.
    if (i >= length) return pack(bound);
    const unit = text[from + i];
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (unit < DASH) return pack(bound);
      if (unit > DASH) return behind(at, bound);
    } else if (unit < DIGIT_0) return pack(bound);
    else if (unit <= DIGIT_9) digits[at++] = unit - DIGIT_0;
    else if (unit < LETTER_A) {
      digits[at] = 10;
      return pack(bound);
    } else if (unit <= LETTER_F) digits[at++] = unit - LETTER_A + 10;
    else return behind(at, bound);
  }
  // A whole UUID and more text: just behind that UUID.
  return length > UUID_TEXT_BYTES ? behind(at, bound) : pack(bound);
}

/** The first UUID behind all that begin with the first `count` digits. */
function behind(count: number, bound: PackedBound): PackedBound {
  let at = count - 1;
  while (at >= 0 && digits[at] === 15) digits[at--] = 0;
  if (at < 0) {
    bound.beyond = true;
    return bound;
  }
  digits[at]++;
  return pack(bound);
}

function pack(bound: PackedBound): PackedBound {
  bound.beyond = false;
  bound.u0 = word(0);
  bound.u1 = word(8);
  bound.u2 = word(16);
  bound.u3 = word(24);
  return bound;
}

function word(from: number): number {
  let value = 0;
  for (let i = 0; i < 8; i++) value = (value << 4) | digits[from + i];
  return value >>> 0;
}
