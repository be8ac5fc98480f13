import { crc32 } from 'node:zlib';
import { fields } from '../../../native-layout/fields.js';
import { TWO_32 } from '../../../native-layout/format.js';
import { type ByteText, toByteText } from '../semantics/byte-text.js';
import type { LeaseRecord } from '../semantics/lease-record.js';

/** Slots start at, and take, whole units. */
export const UNIT_BYTES = 64;

const f = fields();
const CRC = f.u32('CRC-32 of the rest of the slot, salted');
const UNITS = f.u16('units of the slot; 0: free');
const KEY_BYTES = f.u16('key bytes');
const OWNER_BYTES = f.u16('owner bytes');
const VALUE_BYTES = f.u16('value bytes + 1; 0 without a value');
const EXPIRES_AT = f.u53('expiresAtMs');
const TOKEN = f.u53('token');
const TTL = f.u32('ttlMs');
const RENEWALS = f.u32('renewals');
/** A lease in the mapped table; the key follows, then the owner, then the value. */
export const SLOT_LAYOUT = f.layout();
const FIXED_BYTES = f.end(4);
/** What the checksum covers starts here. */
const CHECKED_AT = UNITS;

export function unitsFor(key: ByteText, { owner, value }: LeaseRecord): number {
  return Math.ceil((FIXED_BYTES + key.length + owner.length + (value?.length ?? 0)) / UNIT_BYTES);
}

/** The checksum comes last: a process killed in between leaves a slot that does not check out. */
export function writeSlot(
  bytes: Buffer,
  at: number,
  units: number,
  key: ByteText,
  record: LeaseRecord,
  salt: number,
): void {
  const { owner, value } = record;
  bytes.writeUInt16LE(units, at + UNITS);
  bytes.writeUInt16LE(key.length, at + KEY_BYTES);
  bytes.writeUInt16LE(owner.length, at + OWNER_BYTES);
  bytes.writeUInt16LE(value === undefined ? 0 : value.length + 1, at + VALUE_BYTES);
  const ownerAt = at + FIXED_BYTES + bytes.write(key, at + FIXED_BYTES, 'latin1');
  const valueAt = ownerAt + bytes.write(owner, ownerAt, 'latin1');
  if (value !== undefined) bytes.set(value, valueAt);
  writeDeadline(bytes, at, record, salt);
}

/** Rewrites what a renewal changes, and the token, of a slot that holds the same key, owner and value. */
export function writeDeadline(bytes: Buffer, at: number, record: LeaseRecord, salt: number): void {
  writeU53(bytes, at + EXPIRES_AT, record.expiresAtMs);
  writeU53(bytes, at + TOKEN, record.token);
  bytes.writeUInt32LE(record.ttlMs, at + TTL);
  bytes.writeUInt32LE(record.renewals, at + RENEWALS);
  bytes.writeUInt32LE(checksum(bytes, at, endOf(bytes, at), salt), at + CRC);
}

export function clearSlot(bytes: Buffer, at: number): void {
  bytes.fill(0, at, at + FIXED_BYTES);
}

export interface Slot {
  readonly units: number;
  readonly key: ByteText;
  readonly record: LeaseRecord;
}

/** The slot that starts at `at`, or undefined for anything that is none, or not a whole one. */
export function readSlot(bytes: Buffer, at: number, salt: number): Slot | undefined {
  const units = bytes.readUInt16LE(at + UNITS);
  if (units === 0 || at + units * UNIT_BYTES > bytes.length) return undefined;
  const end = endOf(bytes, at);
  if (end > at + units * UNIT_BYTES || checksum(bytes, at, end, salt) !== bytes.readUInt32LE(at + CRC))
    return undefined;
  const ownerAt = at + FIXED_BYTES + bytes.readUInt16LE(at + KEY_BYTES);
  const valueAt = ownerAt + bytes.readUInt16LE(at + OWNER_BYTES);
  return {
    units,
    key: toByteText(bytes.subarray(at + FIXED_BYTES, ownerAt)),
    record: {
      owner: toByteText(bytes.subarray(ownerAt, valueAt)),
      token: readU53(bytes, at + TOKEN),
      expiresAtMs: readU53(bytes, at + EXPIRES_AT),
      ttlMs: bytes.readUInt32LE(at + TTL),
      renewals: bytes.readUInt32LE(at + RENEWALS),
      // A copy: the mapping goes on changing.
      value: bytes.readUInt16LE(at + VALUE_BYTES) === 0 ? undefined : Uint8Array.from(bytes.subarray(valueAt, end)),
    },
  };
}

function endOf(bytes: Buffer, at: number): number {
  const names = bytes.readUInt16LE(at + KEY_BYTES) + bytes.readUInt16LE(at + OWNER_BYTES);
  return at + FIXED_BYTES + names + Math.max(0, bytes.readUInt16LE(at + VALUE_BYTES) - 1);
}

function checksum(bytes: Buffer, at: number, end: number, salt: number): number {
  return crc32(bytes.subarray(at + CHECKED_AT, end), salt);
}

function writeU53(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value >>> 0, at);
  bytes.writeUInt32LE((value / TWO_32) >>> 0, at + 4);
}

function readU53(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * TWO_32 + bytes.readUInt32LE(at);
}
