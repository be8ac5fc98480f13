import { fields } from '../../../native-layout/fields.js';
import { TWO_32 } from '../../../native-layout/format.js';
import { LeaseStoreError } from '../../errors.js';
import { toByteText } from '../semantics/byte-text.js';
import type { LeaseRecord } from '../semantics/lease-record.js';

const f = fields();
const EXPIRES_AT = f.u53('expiresAtMs');
const TOKEN = f.u53('token');
const TTL = f.u32('ttlMs');
const RENEWALS = f.u32('renewals');
const OWNER_BYTES = f.u32('owner bytes');
const VALUE_BYTES = f.u32('value bytes + 1; 0 without a value');
/** A lease as one value of a key/value store; the owner follows, then the value. */
export const RECORD_LAYOUT = f.layout();
const FIXED_BYTES = f.end(4);

export function encodeRecord(record: LeaseRecord): Buffer {
  const { owner, value } = record;
  const valueBytes = value?.length ?? 0;
  const bytes = Buffer.allocUnsafe(FIXED_BYTES + owner.length + valueBytes);
  writeU53(bytes, EXPIRES_AT, record.expiresAtMs);
  writeU53(bytes, TOKEN, record.token);
  bytes.writeUInt32LE(record.ttlMs, TTL);
  bytes.writeUInt32LE(record.renewals, RENEWALS);
  bytes.writeUInt32LE(owner.length, OWNER_BYTES);
  bytes.writeUInt32LE(value === undefined ? 0 : valueBytes + 1, VALUE_BYTES);
  bytes.write(owner, FIXED_BYTES, 'latin1');
  if (value !== undefined) bytes.set(value, FIXED_BYTES + owner.length);
  return bytes;
}

/** Throws `ERR_HOLDFAST_CORRUPT` for bytes that no record has. */
export function decodeRecord(bytes: Buffer): LeaseRecord {
  if (bytes.length < FIXED_BYTES) throw badRecord(bytes.length);
  const ownerBytes = bytes.readUInt32LE(OWNER_BYTES);
  const valueSize = bytes.readUInt32LE(VALUE_BYTES);
  const valueAt = FIXED_BYTES + ownerBytes;
  if (bytes.length !== valueAt + Math.max(valueSize - 1, 0)) throw badRecord(bytes.length);
  return {
    owner: toByteText(bytes.subarray(FIXED_BYTES, valueAt)),
    token: readU53(bytes, TOKEN),
    expiresAtMs: readU53(bytes, EXPIRES_AT),
    ttlMs: bytes.readUInt32LE(TTL),
    renewals: bytes.readUInt32LE(RENEWALS),
    value: valueSize === 0 ? undefined : bytes.subarray(valueAt),
  };
}

const COUNTER_BYTES = 8;

/** A number of up to 53 bits, alone. */
export function encodeCounter(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(COUNTER_BYTES);
  writeU53(bytes, 0, value);
  return bytes;
}

export function decodeCounter(bytes: Buffer): number {
  if (bytes.length !== COUNTER_BYTES) throw badRecord(bytes.length);
  return readU53(bytes, 0);
}

function writeU53(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value >>> 0, at);
  bytes.writeUInt32LE((value / TWO_32) >>> 0, at + 4);
}

function readU53(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * TWO_32 + bytes.readUInt32LE(at);
}

function badRecord(bytes: number): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `the store holds a record of ${bytes} bytes that contradicts itself; restore a backup`,
  );
}
