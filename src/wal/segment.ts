import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { FORMAT_VERSION, SEGMENT_MAGIC } from '../../native-layout/format.js';
import { setU53, u53 } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/wal-frame.js';
import { assert } from '../assert.js';
import { corruptFile, LeaseStoreError } from '../errors.js';
import type { FileSystem } from '../io/file-system.js';

/** Whose log it is: a segment of another store or shard is never read as this one's. */
export interface LogOwner {
  /** 16 bytes. */
  readonly storeId: Uint8Array;
  readonly shard: number;
}

export interface SegmentHeader extends LogOwner {
  readonly segmentId: number;
  readonly epoch: number;
  /** LSN of the first record; the writer made sure that all records before it were durable. */
  readonly firstLsn: number;
  /** Store time when the segment was made. */
  readonly storeMs: number;
  readonly salt: number;
}

/** A segment's file, as its name tells. */
export interface SegmentFile {
  readonly id: number;
  readonly path: string;
}

const ID_DIGITS = 10;
const NAME = new RegExp(`^wal-(\\d{${ID_DIGITS}})\\.log$`);
const SEGMENT_ID_MAX = 10 ** ID_DIGITS - 1;

/** The segment that a log begins with. */
export const FIRST_SEGMENT_ID = 1;

export function segmentName(segmentId: number): string {
  return `wal-${String(segmentId).padStart(ID_DIGITS, '0')}.log`;
}

export function segmentPath(directory: string, segmentId: number): string {
  return join(directory, segmentName(segmentId));
}

/** Where a segment is written anew, before it takes the place of the old file. */
export function temporarySegmentPath(directory: string, segmentId: number): string {
  return `${segmentPath(directory, segmentId)}.tmp`;
}

/** The segments in a directory, oldest first. */
export function listSegments(files: FileSystem, directory: string): SegmentFile[] {
  const segments: SegmentFile[] = [];
  for (const name of files.list(directory)) {
    const id = NAME.exec(name)?.[1];
    if (id !== undefined) segments.push({ id: Number(id), path: join(directory, name) });
  }
  return segments.sort((a, b) => a.id - b.id);
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  assert(header.storeId.length === layout.STORE_ID_BYTES, 'a store id is 16 bytes');
  assert(header.segmentId > 0 && header.segmentId <= SEGMENT_ID_MAX, 'no such segment id');
  const words = new Uint32Array(layout.SEGMENT_HEADER_BYTES / 4);
  const bytes = new Uint8Array(words.buffer);
  words[layout.SEGMENT_MAGIC_WORD] = SEGMENT_MAGIC;
  words[layout.SEGMENT_VERSION] = FORMAT_VERSION;
  words[layout.SEGMENT_SHARD] = header.shard;
  bytes.set(header.storeId, layout.SEGMENT_STORE_BYTE);
  setU53(words, layout.SEGMENT_ID, header.segmentId);
  setU53(words, layout.SEGMENT_EPOCH, header.epoch);
  setU53(words, layout.SEGMENT_FIRST_LSN, header.firstLsn);
  setU53(words, layout.SEGMENT_TIME, Math.ceil(header.storeMs));
  words[layout.SEGMENT_SALT] = header.salt;
  words[layout.SEGMENT_CRC] = crc32(bytes.subarray(layout.SEGMENT_CHECKED_BYTE));
  return bytes;
}

/**
 * The header at the start of `bytes`, or why there is none. Throws ERR_HOLDFAST_FORMAT for a good header of a version
 * that this one does not read.
 */
export function decodeSegmentHeader(path: string, bytes: Uint8Array): SegmentHeader | string {
  if (bytes.length < layout.SEGMENT_HEADER_BYTES) return 'the segment header is cut short';
  const copy = bytes.slice(0, layout.SEGMENT_HEADER_BYTES);
  const words = new Uint32Array(copy.buffer);
  if (words[layout.SEGMENT_MAGIC_WORD] !== SEGMENT_MAGIC) return 'it does not start like a segment';
  if (words[layout.SEGMENT_CRC] !== crc32(copy.subarray(layout.SEGMENT_CHECKED_BYTE))) {
    return 'the segment header does not match its checksum';
  }
  checkVersion(path, words[layout.SEGMENT_VERSION]);
  return {
    storeId: copy.slice(layout.SEGMENT_STORE_BYTE, layout.SEGMENT_STORE_BYTE + layout.STORE_ID_BYTES),
    shard: words[layout.SEGMENT_SHARD],
    segmentId: u53(words, layout.SEGMENT_ID),
    epoch: u53(words, layout.SEGMENT_EPOCH),
    firstLsn: u53(words, layout.SEGMENT_FIRST_LSN),
    storeMs: u53(words, layout.SEGMENT_TIME),
    salt: words[layout.SEGMENT_SALT],
  };
}

function checkVersion(path: string, version: number): void {
  if (version === FORMAT_VERSION) return;
  throw new LeaseStoreError(
    'ERR_HOLDFAST_FORMAT',
    `${path} has format ${version}, and this version of holdfast reads ${FORMAT_VERSION}: open the store with the version that wrote it`,
  );
}

/** Throws ERR_HOLDFAST_CORRUPT unless a good header is that of this file of this log. */
export function checkSegmentOwner(file: SegmentFile, header: SegmentHeader, owner: LogOwner): void {
  if (header.segmentId !== file.id)
    throw corruptFile(file.path, 0, `it is segment ${header.segmentId}, not ${file.id}`);
  if (header.shard !== owner.shard)
    throw corruptFile(file.path, 0, `it belongs to shard ${header.shard}, not ${owner.shard}`);
  if (!header.storeId.every((byte, i) => byte === owner.storeId[i])) {
    throw corruptFile(file.path, 0, 'it belongs to another store');
  }
}
