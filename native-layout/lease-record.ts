import { fields, word } from './fields.js';
import { TWO_32 } from './format.js';

const f = fields();
const EXPIRES = f.u53('expiresAtMs');
const TOKEN_AT = f.u53('token');
const TTL_AT = f.u32('ttlMs');
const OWNER_AT = f.u32('ownerRef');
const SESSION_AT = f.u32('sessionRef (reserved, 0)');
const RENEWALS_AT = f.u32('renewals');

/** The fixed part of a lease: what a renewal rewrites is in one place. */
export const LEASE_LAYOUT = f.layout();
export const LEASE_BYTES = f.end(4);
export const LEASE_WORDS = word(LEASE_BYTES);

/** Word offsets within a payload. */
export const EXPIRES_AT = word(EXPIRES);
export const TOKEN = word(TOKEN_AT);
export const TTL = word(TTL_AT);
export const OWNER_REF = word(OWNER_AT);
export const SESSION_REF = word(SESSION_AT);
export const RENEWALS = word(RENEWALS_AT);

const v = fields();
const VALUE_SIZE_AT = v.u32('value bytes; top bit: kept in value nodes');
const VALUE_NODE_AT = v.u32('first value node, or the first bytes of the value');

/** What follows the fixed part where a lease has a value. */
export const VALUE_LAYOUT = v.layout();
export const VALUE_SIZE = LEASE_WORDS + word(VALUE_SIZE_AT);
/** Where the value itself starts: its bytes, or the id of its first value node. */
export const VALUE_START = LEASE_WORDS + word(VALUE_NODE_AT);
export const VALUE_IN_NODES = 0x80000000;
export const VALUE_SIZE_MASK = 0x7fffffff;

/** Words that a payload of `size` words at `at` must have: the fixed ones, and what it says of its value. */
export function payloadWordsDue(words: Uint32Array, at: number, size: number): number {
  if (size <= LEASE_WORDS) return LEASE_WORDS;
  const value = words[at + VALUE_SIZE];
  if ((value & VALUE_IN_NODES) !== 0) return VALUE_START + 1;
  return VALUE_START + (((value & VALUE_SIZE_MASK) + 3) >>> 2);
}

/** Reads a number of up to 53 bits kept low word first. */
export function u53(words: Uint32Array, at: number): number {
  return words[at + 1] * TWO_32 + words[at];
}

export function setU53(words: Uint32Array, at: number, value: number): void {
  words[at] = value >>> 0;
  words[at + 1] = (value / TWO_32) >>> 0;
}

/**
 * Deadlines in branches are kept in ticks of 1,024 ms, rounded down: a bound that one word holds until the year 2109
 * and that never claims a lease to live longer than it does.
 */
export const TICK_MS = 1024;
/** "No deadline below": later than every tick. */
export const TICK_NONE = 0xffffffff;

export function tickOf(deadlineMs: number): number {
  const tick = Math.floor(deadlineMs / TICK_MS);
  return tick >= TICK_NONE ? TICK_NONE - 1 : tick;
}
