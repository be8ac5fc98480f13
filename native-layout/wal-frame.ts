import { fields, word } from './fields.js';
import { UUID_BYTES } from './format.js';

/*
 * A log is a row of segments, a segment is a header and then frames, a frame is a header and then records:
 *
 *   wal-0000000007.log:  segment header | frame | frame | …
 *   frame:               frame header | record | record | …      (none: a durable mark)
 *
 * All numbers are little-endian and all parts are whole words, so that a reader looks at the file as words. Every frame
 * repeats the random salt of its segment, under its checksum: bytes of another segment never check out here, and
 * nobody who can only choose what a lease says can make bytes that do.
 */

const s = fields();
const SEGMENT_MAGIC_AT = s.u32('magic "HFSG"');
const SEGMENT_CRC_AT = s.u32('CRC-32 of the rest of the header');
const SEGMENT_VERSION_AT = s.u32('format version');
const SEGMENT_SHARD_AT = s.u32('shard');
const SEGMENT_STORE_AT = s.raw('store id', 16);
const SEGMENT_ID_AT = s.u53('segment id');
const SEGMENT_EPOCH_AT = s.u53('epoch: rises with every open of the store');
const SEGMENT_FIRST_AT = s.u53('LSN of the first record; all before it was durable');
const SEGMENT_TIME_AT = s.u53('store time, ms');
const SEGMENT_SALT_AT = s.u32('salt: random, repeated by every frame');
export const SEGMENT_HEADER_LAYOUT = s.layout();
export const SEGMENT_HEADER_BYTES = s.end(4);

/** What a header's checksum covers starts here; the magic before it is compared whole. */
export const SEGMENT_CHECKED_BYTE = SEGMENT_VERSION_AT;
export const STORE_ID_BYTES = SEGMENT_ID_AT - SEGMENT_STORE_AT;
export const SEGMENT_STORE_BYTE = SEGMENT_STORE_AT;

/** Word offsets within a segment header. */
export const SEGMENT_MAGIC_WORD = word(SEGMENT_MAGIC_AT);
export const SEGMENT_CRC = word(SEGMENT_CRC_AT);
export const SEGMENT_VERSION = word(SEGMENT_VERSION_AT);
export const SEGMENT_SHARD = word(SEGMENT_SHARD_AT);
export const SEGMENT_ID = word(SEGMENT_ID_AT);
export const SEGMENT_EPOCH = word(SEGMENT_EPOCH_AT);
export const SEGMENT_FIRST_LSN = word(SEGMENT_FIRST_AT);
export const SEGMENT_TIME = word(SEGMENT_TIME_AT);
export const SEGMENT_SALT = word(SEGMENT_SALT_AT);

const f = fields();
const FRAME_MAGIC_AT = f.u32('magic "HFFR"');
const FRAME_CRC_AT = f.u32('CRC-32 of all that follows in the frame');
const FRAME_SALT_AT = f.u32('salt of the segment');
const FRAME_BYTES_AT = f.u32('bytes of the frame, this header included');
const FRAME_COUNT_AT = f.u32('records; 0 in a durable mark');
const FRAME_SEGMENT_AT = f.u53('segment id');
const FRAME_EPOCH_AT = f.u53('epoch');
const FRAME_FIRST_AT = f.u53('LSN of the first record');
const FRAME_DURABLE_AT = f.u53('LSN known durable when the frame was built');
const FRAME_TIME_AT = f.u53('store time, ms');
export const FRAME_HEADER_LAYOUT = f.layout();
export const FRAME_HEADER_BYTES = f.end(4);
export const FRAME_HEADER_WORDS = word(FRAME_HEADER_BYTES);

/** What a frame's checksum covers starts here; the magic before it is compared whole. */
export const FRAME_CHECKED_BYTE = FRAME_SALT_AT;

/** Word offsets within a frame header. */
export const FRAME_MAGIC_WORD = word(FRAME_MAGIC_AT);
export const FRAME_CRC = word(FRAME_CRC_AT);
export const FRAME_SALT = word(FRAME_SALT_AT);
export const FRAME_BYTES = word(FRAME_BYTES_AT);
export const FRAME_COUNT = word(FRAME_COUNT_AT);
export const FRAME_SEGMENT = word(FRAME_SEGMENT_AT);
export const FRAME_EPOCH = word(FRAME_EPOCH_AT);
export const FRAME_FIRST_LSN = word(FRAME_FIRST_AT);
export const FRAME_DURABLE_LSN = word(FRAME_DURABLE_AT);
export const FRAME_TIME = word(FRAME_TIME_AT);

/** No frame is longer; a length beyond it is damage, not a reason to allocate. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;

const r = fields();
const RECORD_HEAD_AT = r.u32('kind 8 bits | flags 8 bits | words of the record 16 bits');
const RECORD_NUMBER_AT = r.u53('token; in a shift milliseconds');
/** The start of every record; all of it in a shift or a ceiling. */
export const RECORD_LAYOUT = r.layout();
export const RECORD_WORDS = word(r.end(4));
export const RECORD_HEAD = word(RECORD_HEAD_AT);
export const RECORD_NUMBER = word(RECORD_NUMBER_AT);

const l = fields();
l.raw('start of the record', RECORD_LAYOUT.bytes);
const LEASE_EXPIRES_AT = l.u53('expiresAtMs');
const LEASE_TTL_AT = l.u32('ttlMs');
const LEASE_RENEWALS_AT = l.u32('renewals');
const LEASE_SIZES_AT = l.u32('owner bytes 16 bits | value bytes 16 bits');
/** The fixed part of a grant or a renewal; the key follows, then the owner (in a grant), then the value. */
export const LEASE_RECORD_LAYOUT = l.layout();
export const LEASE_RECORD_WORDS = word(l.end(4));
export const LEASE_EXPIRES = word(LEASE_EXPIRES_AT);
export const LEASE_RECORD_TTL = word(LEASE_TTL_AT);
export const LEASE_RECORD_RENEWALS = word(LEASE_RENEWALS_AT);
export const LEASE_SIZES = word(LEASE_SIZES_AT);

const k = fields();
k.u32('type bytes 8 bits | packed 8 bits | id bytes 16 bits');
const KEY_ID_AT = k.words('a packed UUID; or the id as text, of any length padded to words', UUID_BYTES / 4);
/** A key within a record; the text of the type follows, padded to words. */
export const RECORD_KEY_LAYOUT = k.layout();
export const RECORD_KEY_ID = word(KEY_ID_AT);
export const RECORD_UUID_WORDS = word(k.end(4)) - RECORD_KEY_ID;

/** Record kinds. */
export const GRANT = 1;
export const RENEW = 2;
export const REMOVE = 3;
export const SHIFT = 4;
export const CEILING = 5;

/** Record flags: each has a meaning for one or two kinds and is 0 in the others. */
export const HAS_VALUE = 1;
export const REMOVED_EXPIRED = 2;
export const SHIFT_FULL_TTL = 4;

export function recordHead(kind: number, flags: number, words: number): number {
  return ((words << 16) | (flags << 8) | kind) >>> 0;
}

export function recordKind(head: number): number {
  return head & 0xff;
}

export function recordFlags(head: number): number {
  return (head >>> 8) & 0xff;
}

export function recordWords(head: number): number {
  return head >>> 16;
}

export function leaseSizes(ownerBytes: number, valueBytes: number): number {
  return ((valueBytes << 16) | ownerBytes) >>> 0;
}

export function ownerBytesOf(sizes: number): number {
  return sizes & 0xffff;
}

export function valueBytesOf(sizes: number): number {
  return sizes >>> 16;
}

export function recordKey(typeBytes: number, packed: boolean, idBytes: number): number {
  return ((idBytes << 16) | (packed ? 0x100 : 0) | typeBytes) >>> 0;
}

export function typeBytesOf(key: number): number {
  return key & 0xff;
}

/** The packed flag as stored: 0 or 1 in anything that this version wrote. */
export function packedFlagOf(key: number): number {
  return (key >>> 8) & 0xff;
}

export function idBytesOf(key: number): number {
  return key >>> 16;
}

/** Words that `bytes` bytes take. */
export function paddedWords(bytes: number): number {
  return (bytes + 3) >>> 2;
}
