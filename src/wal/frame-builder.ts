import { crc32 } from 'node:zlib';
import {
  FRAME_MAGIC,
  ID_BYTES_MAX,
  OWNER_BYTES_MAX,
  TYPE_BYTES_MAX,
  UUID_TEXT_BYTES,
  VALUE_BYTES_MAX,
} from '../../native-layout/format.js';
import { setU53 } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/wal-frame.js';
import { assert } from '../assert.js';
import type { Key } from '../key.js';

/** What a frame takes from the segment that it is written to. */
export interface FrameHome {
  readonly segmentId: number;
  readonly epoch: number;
  readonly salt: number;
}

/** Why a lease was removed. */
export type RemoveReason = 'released' | 'expired';

/** How an `onRestart` shift moves deadlines: by so many milliseconds, or to each lease's ttl from an instant. */
export type ShiftMode = 'extend' | 'full-ttl';

const KEY_WORDS_MAX = layout.RECORD_KEY_ID + layout.paddedWords(ID_BYTES_MAX) + layout.paddedWords(TYPE_BYTES_MAX);
const REMOVAL_WORDS_MAX = layout.RECORD_WORDS + KEY_WORDS_MAX;
const OWNER_WORDS_MAX = layout.paddedWords(OWNER_BYTES_MAX);
const VALUE_WORDS_MAX = layout.paddedWords(VALUE_BYTES_MAX);
const RECORD_WORDS_MAX = layout.LEASE_RECORD_WORDS + KEY_WORDS_MAX + OWNER_WORDS_MAX + VALUE_WORDS_MAX;

const FRAME_WORDS_MAX = layout.FRAME_BYTES_MAX / 4;
const WORDS_AT_FIRST = 16 * 1024;

/**
 * Builds one frame at a time in one reused buffer. Adding a record allocates nothing (but when the buffer must grow,
 * a few times in the life of a shard). Numbers are integers up to 2^53 - 1, values and owners within their limits:
 * the caller checked them.
 */
export class FrameBuilder {
  #words = new Uint32Array(WORDS_AT_FIRST);
  #bytes = new Uint8Array(this.#words.buffer);
  /** The last finished frame and its checked part: frames of one length share their views. */
  #view = this.#bytes.subarray(0, 0);
  #checked = this.#bytes.subarray(0, 0);
  #at = layout.FRAME_HEADER_WORDS;
  #count = 0;

  /** Starts over. `firstLsn` is the LSN of the first record added; in a durable mark, of the next one ever. */
  begin(firstLsn: number, storeMs: number, durableLsn: number): void {
    assert(durableLsn < firstLsn, 'an unwritten record cannot be durable');
    this.#at = layout.FRAME_HEADER_WORDS;
    this.#count = 0;
    const w = this.#words;
    w[layout.FRAME_MAGIC_WORD] = FRAME_MAGIC;
    setU53(w, layout.FRAME_FIRST_LSN, firstLsn);
    setU53(w, layout.FRAME_DURABLE_LSN, durableLsn);
    this.judgedAt(storeMs);
  }

  /** The latest instant that a lease was judged at. Rounded up, for recovery must start no earlier. */
  judgedAt(storeMs: number): void {
    setU53(this.#words, layout.FRAME_TIME, Math.ceil(storeMs));
  }

  /** Records so far; the LSN of the next one is that many behind the first. */
  get count(): number {
    return this.#count;
  }

  /** Length of the frame so far. */
  get bytes(): number {
    return this.#at * 4;
  }

  /** Whether another record may not fit: the frame must be finished first. */
  get full(): boolean {
    return this.#at + RECORD_WORDS_MAX > FRAME_WORDS_MAX;
  }

  /** How many removals it takes without being full before the last of them. */
  get roomForRemovals(): number {
    return Math.max(0, Math.floor((FRAME_WORDS_MAX - RECORD_WORDS_MAX - this.#at) / REMOVAL_WORDS_MAX));
  }

  grant(
    key: Key,
    owner: Uint8Array,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    this.#lease(layout.GRANT, key, owner, token, expiresAtMs, ttlMs, renewals, value);
  }

  /** `value` only where the renewal changed it. */
  renew(
    key: Key,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    this.#lease(layout.RENEW, key, undefined, token, expiresAtMs, ttlMs, renewals, value);
  }

  remove(key: Key, token: number, reason: RemoveReason): void {
    const w = this.#room();
    const start = this.#at;
    setU53(w, start + layout.RECORD_NUMBER, token);
    const end = putKey(w, this.#bytes, start + layout.RECORD_WORDS, key);
    this.#end(layout.REMOVE, reason === 'expired' ? layout.REMOVED_EXPIRED : 0, end);
  }

  /** Moves the deadlines of all leases: `ms` is the distance in 'extend', the instant in 'full-ttl'. */
  shift(mode: ShiftMode, ms: number): void {
    this.#number(layout.SHIFT, mode === 'full-ttl' ? layout.SHIFT_FULL_TTL : 0, ms);
  }

  /** Every token handed out until the next such record is at most this one. */
  ceiling(token: number): void {
    this.#number(layout.CEILING, 0, token);
  }

  /** Completes the frame; the view is good until the next {@link begin}. */
  finish(home: FrameHome): Uint8Array {
    const w = this.#words;
    const length = this.#at * 4;
    w[layout.FRAME_SALT] = home.salt;
    w[layout.FRAME_BYTES] = length;
    w[layout.FRAME_COUNT] = this.#count;
    setU53(w, layout.FRAME_SEGMENT, home.segmentId);
    setU53(w, layout.FRAME_EPOCH, home.epoch);
    if (this.#view.length !== length || this.#view.buffer !== w.buffer) {
      this.#view = this.#bytes.subarray(0, length);
      this.#checked = this.#bytes.subarray(layout.FRAME_CHECKED_BYTE, length);
    }
    w[layout.FRAME_CRC] = crc32(this.#checked);
    return this.#view;
  }

  #lease(
    kind: number,
    key: Key,
    owner: Uint8Array | undefined,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    const w = this.#room();
    const start = this.#at;
    setU53(w, start + layout.RECORD_NUMBER, token);
    setU53(w, start + layout.LEASE_EXPIRES, expiresAtMs);
    w[start + layout.LEASE_RECORD_TTL] = ttlMs;
    w[start + layout.LEASE_RECORD_RENEWALS] = renewals;
    const ownerBytes = owner === undefined ? 0 : owner.length;
    const valueBytes = value === undefined ? 0 : value.length;
    assert(ownerBytes <= OWNER_BYTES_MAX && valueBytes <= VALUE_BYTES_MAX, 'an owner or a value past its limit');
    w[start + layout.LEASE_SIZES] = layout.leaseSizes(ownerBytes, valueBytes);
    let end = putKey(w, this.#bytes, start + layout.LEASE_RECORD_WORDS, key);
    if (owner !== undefined) end = putBytes(w, this.#bytes, end, owner, 0, ownerBytes);
    if (value !== undefined) end = putBytes(w, this.#bytes, end, value, 0, valueBytes);
    this.#end(kind, value === undefined ? 0 : layout.HAS_VALUE, end);
  }

  #number(kind: number, flags: number, value: number): void {
    const w = this.#room();
    setU53(w, this.#at + layout.RECORD_NUMBER, value);
    this.#end(kind, flags, this.#at + layout.RECORD_WORDS);
  }

  #end(kind: number, flags: number, end: number): void {
    this.#words[this.#at + layout.RECORD_HEAD] = layout.recordHead(kind, flags, end - this.#at);
    this.#at = end;
    this.#count++;
  }

  /** The words, with room for any record at `#at`. */
  #room(): Uint32Array {
    if (this.#at + RECORD_WORDS_MAX > this.#words.length) this.#grow();
    return this.#words;
  }

  #grow(): void {
    assert(!this.full, 'a frame past its limit');
    const words = new Uint32Array(Math.min(this.#words.length * 2, FRAME_WORDS_MAX));
    words.set(this.#words.subarray(0, this.#at));
    this.#words = words;
    this.#bytes = new Uint8Array(words.buffer);
  }
}

/** Writes a key at word `at`; answers the word behind it. */
function putKey(words: Uint32Array, bytes: Uint8Array, at: number, key: Key): number {
  const source = key.bytes;
  const uuidAt = key.uuidAt;
  // Neither a type nor an id contains a NUL, so one right before the UUID means that the UUID is the whole id.
  if (uuidAt > 0 && source[uuidAt - 1] === 0) {
    const typeBytes = uuidAt - 1;
    words[at] = layout.recordKey(typeBytes, true, UUID_TEXT_BYTES);
    const idAt = at + layout.RECORD_KEY_ID;
    words[idAt] = key.u0;
    words[idAt + 1] = key.u1;
    words[idAt + 2] = key.u2;
    words[idAt + 3] = key.u3;
    return putBytes(words, bytes, idAt + layout.RECORD_UUID_WORDS, source, 0, typeBytes);
  }
  let typeBytes = 0;
  while (source[typeBytes] !== 0) typeBytes++;
  assert(typeBytes < key.length - 1, 'not the key of a lease');
  const idBytes = key.length - typeBytes - 1;
  words[at] = layout.recordKey(typeBytes, false, idBytes);
  const typeAt = putBytes(words, bytes, at + layout.RECORD_KEY_ID, source, typeBytes + 1, idBytes);
  return putBytes(words, bytes, typeAt, source, 0, typeBytes);
}

/** Longer runs are copied by the runtime; for short ones its call costs more than a loop over words. */
const LOOP_BYTES_MAX = 64;

/** Writes `length` bytes at word `at`, padded with zeros; answers the word behind them. */
function putBytes(
  words: Uint32Array,
  bytes: Uint8Array,
  at: number,
  source: Uint8Array,
  from: number,
  length: number,
): number {
  if (length === 0) return at;
  const end = at + layout.paddedWords(length);
  if (length > LOOP_BYTES_MAX) {
    words[end - 1] = 0;
    bytes.set(source.subarray(from, from + length), at * 4);
    return end;
  }
  const whole = at + (length >>> 2);
  let i = from;
  for (let w = at; w < whole; w++, i += 4) {
    words[w] = source[i] | (source[i + 1] << 8) | (source[i + 2] << 16) | (source[i + 3] << 24);
  }
  if (whole < end) {
    let rest = 0;
    for (let shift = 0; i < from + length; i++, shift += 8) rest |= source[i] << shift;
    words[whole] = rest;
  }
  return end;
}
