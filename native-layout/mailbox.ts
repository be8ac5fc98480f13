import { fields, word } from './fields.js';

/*
 * A mailbox is two rings of words, one each way, between one client thread and one shard. A ring has one producer and
 * one consumer; each owns the position that it alone moves, on a cache line of its own. Records never wrap: what does
 * not fit before the end starts over at the beginning, behind a zero length word.
 */

const LINE = 64;

const r = fields();
const TAIL_AT = r.u32('tail: words ever produced, modulo 2^32');
r.align(LINE);
const HEAD_AT = r.u32('head: words ever consumed, modulo 2^32');
r.align(LINE);
export const RING_LAYOUT = r.layout();
export const RING_HEADER_BYTES = r.end(64);
export const TAIL = word(TAIL_AT);
export const HEAD = word(HEAD_AT);
export const RING_WORDS = word(RING_HEADER_BYTES);

const q = fields();
const REQUEST_WORDS_AT = q.u32('words of the record, this one included');
const REQUEST_OP_AT = q.u32('operation 8 bits | flags 8 bits | owner bytes 16 bits');
const REQUEST_CALL_AT = q.u32('call');
const REQUEST_TTL_AT = q.u32('ttlMs');
const REQUEST_TOKEN_AT = q.u53('token');
const REQUEST_KEY_AT = q.u32('type bytes 8 bits | packed UUID 8 bits | id bytes 16 bits');
const REQUEST_VALUE_AT = q.u32('value bytes');
/** Followed by the id, the type, the owner and the value, each padded to words; an import has its own part before. */
export const REQUEST_LAYOUT = q.layout();
export const REQUEST_WORDS = word(REQUEST_WORDS_AT);
export const REQUEST_OP = word(REQUEST_OP_AT);
export const REQUEST_CALL = word(REQUEST_CALL_AT);
export const REQUEST_TTL = word(REQUEST_TTL_AT);
export const REQUEST_TOKEN = word(REQUEST_TOKEN_AT);
export const REQUEST_KEY = word(REQUEST_KEY_AT);
export const REQUEST_VALUE = word(REQUEST_VALUE_AT);
export const REQUEST_BODY = word(q.end(4));

const i = fields();
const IMPORT_EXPIRES_AT = i.u53('expiresAtMs');
const IMPORT_RENEWALS_AT = i.u32('renewals');
/** What an import carries between the fixed part and the id. */
export const IMPORT_LAYOUT = i.layout();
export const IMPORT_EXPIRES = word(IMPORT_EXPIRES_AT);
export const IMPORT_RENEWALS = word(IMPORT_RENEWALS_AT);
export const IMPORT_WORDS = word(i.end(4));

export const OP_ACQUIRE = 1;
export const OP_RENEW = 2;
export const OP_RELEASE = 3;
export const OP_RELEASE_OWNER = 4;
export const OP_IMPORT = 5;
/** Completes once everything before it is on the disk. */
export const OP_FLUSH = 6;
/** Completes at a commit behind everything before it, and holds the shard until the gate opens. */
export const OP_BARRIER = 7;

export const FLAG_SYNCED = 1;
export const FLAG_PREVIOUS = 2;
export const FLAG_TTL = 4;
export const FLAG_VALUE = 8;

const c = fields();
const DONE_WORDS_AT = c.u32('words of the record, this one included');
const DONE_CALL_AT = c.u32('call');
const DONE_STATUS_AT = c.u32('status 8 bits | flags 8 bits | owner bytes 16 bits');
const DONE_TTL_AT = c.u32('ttlMs, or an error code');
const DONE_EXPIRES_AT = c.u53('expiresAtMs, or a count');
const DONE_TOKEN_AT = c.u53('token');
const DONE_RENEWALS_AT = c.u32('renewals');
const DONE_VALUE_AT = c.u32('value bytes');
/** Followed by the owner and the value of the lease that holds the key, each padded to words. */
export const COMPLETION_LAYOUT = c.layout();
export const DONE_WORDS = word(DONE_WORDS_AT);
export const DONE_CALL = word(DONE_CALL_AT);
export const DONE_STATUS = word(DONE_STATUS_AT);
export const DONE_TTL = word(DONE_TTL_AT);
export const DONE_EXPIRES = word(DONE_EXPIRES_AT);
export const DONE_TOKEN = word(DONE_TOKEN_AT);
export const DONE_RENEWALS = word(DONE_RENEWALS_AT);
export const DONE_VALUE = word(DONE_VALUE_AT);
export const DONE_BODY = word(c.end(4));

export const STATUS_OK = 0;
export const STATUS_HELD = 1;
export const STATUS_CHANGED = 2;
export const STATUS_EXPIRED = 3;
export const STATUS_SUPERSEDED = 4;
export const STATUS_UNKNOWN = 5;
export const STATUS_FAILED = 6;

/** Why a shard could not carry a request out; the words travel in DONE_TTL of a failed completion. */
export const FAILURES = [
  'ERR_HOLDFAST_IO',
  'ERR_HOLDFAST_DISK_FULL',
  'ERR_HOLDFAST_READ_ONLY',
  'ERR_HOLDFAST_FULL',
  'ERR_HOLDFAST_CLOSED',
] as const;

/** Words that a text or value of so many bytes takes. */
export function paddedWords(bytes: number): number {
  return (bytes + 3) >>> 2;
}
