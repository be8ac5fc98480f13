import fc from 'fast-check';
import {
  ID_BYTES_MAX,
  OWNER_BYTES_MAX,
  TTL_MS_MAX,
  TYPE_BYTES_MAX,
  VALUE_BYTES_MAX,
} from '../../native-layout/format.js';
import { Key, KeyEncoder } from '../../src/key.js';
import type { FrameBuilder } from '../../src/wal/frame-builder.js';
import type { RecordVisitor } from '../../src/wal/record-reader.js';

/** What a log record says, as plain values that a test can compare. */
export type LogRecord =
  | { kind: 'grant'; type: string; id: string; owner: string; lease: LeaseNumbers; value: string | undefined }
  | { kind: 'renew'; type: string; id: string; lease: LeaseNumbers; value: string | undefined }
  | { kind: 'released' | 'expired'; type: string; id: string; token: number }
  | { kind: 'extend' | 'full-ttl' | 'ceiling'; number: number };

export interface LeaseNumbers {
  token: number;
  expiresAtMs: number;
  ttlMs: number;
  renewals: number;
}

const encoder = new KeyEncoder();
const key = new Key();

/** Values are Latin-1, so that any bytes can be written as text. */
function valueBytes(value: string | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : Buffer.from(value, 'latin1');
}

export function addRecord(frame: FrameBuilder, record: LogRecord): void {
  switch (record.kind) {
    case 'grant': {
      const { token, expiresAtMs, ttlMs, renewals } = record.lease;
      encoder.encode(key, record);
      frame.grant(key, Buffer.from(record.owner), token, expiresAtMs, ttlMs, renewals, valueBytes(record.value));
      return;
    }
    case 'renew': {
      const { token, expiresAtMs, ttlMs, renewals } = record.lease;
      frame.renew(encoder.encode(key, record), token, expiresAtMs, ttlMs, renewals, valueBytes(record.value));
      return;
    }
    case 'released':
    case 'expired':
      frame.remove(encoder.encode(key, record), record.token, record.kind);
      return;
    case 'ceiling':
      frame.ceiling(record.number);
      return;
    default:
      frame.shift(record.kind, record.number);
  }
}

/** Writes down what it hears. */
export class Collector implements RecordVisitor {
  readonly lsns: number[] = [];
  readonly records: LogRecord[] = [];

  grant(
    lsn: number,
    key: Key,
    owner: Uint8Array,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    const lease = { token, expiresAtMs, ttlMs, renewals };
    const record = { kind: 'grant' as const, ...actorOf(key), owner: Buffer.from(owner).toString(), lease };
    this.#add(lsn, { ...record, value: textOf(value) });
  }

  renew(
    lsn: number,
    key: Key,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    const lease = { token, expiresAtMs, ttlMs, renewals };
    this.#add(lsn, { kind: 'renew', ...actorOf(key), lease, value: textOf(value) });
  }

  remove(lsn: number, key: Key, token: number, reason: 'released' | 'expired'): void {
    this.#add(lsn, { kind: reason, ...actorOf(key), token });
  }

  shift(lsn: number, mode: 'extend' | 'full-ttl', ms: number): void {
    this.#add(lsn, { kind: mode, number: ms });
  }

  ceiling(lsn: number, token: number): void {
    this.#add(lsn, { kind: 'ceiling', number: token });
  }

  #add(lsn: number, record: LogRecord): void {
    this.lsns.push(lsn);
    this.records.push(record);
  }
}

function actorOf(key: Key): { type: string; id: string } {
  // A reader must leave a key as an encoder would: a tree compares its UUID words, not only its text.
  const copy = new Key().setBytes(key.toBytes());
  for (const field of ['uuidAt', 'u0', 'u1', 'u2', 'u3'] as const) {
    if (copy.uuidAt !== -1 && copy[field] !== key[field]) throw new Error(`the key's ${field} does not fit its text`);
  }
  if (copy.uuidAt !== key.uuidAt) throw new Error('the key was taken for a UUID, or not taken for one');
  const [type, id] = Buffer.from(key.toBytes()).toString().split('\0');
  return { type, id };
}

function textOf(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString('latin1');
}

const number53 = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const word = fc.oneof(fc.nat(1000), fc.integer({ min: 0, max: 2 ** 32 - 1 }));

function name(bytesMax: number): fc.Arbitrary<string> {
  const ascii = fc.string({ minLength: 1, maxLength: bytesMax }).filter((text) => !text.includes('\0'));
  const unicode = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 12 })
    .filter((text) => !text.includes('\0') && text.isWellFormed());
  return fc.oneof(
    { weight: 4, arbitrary: fc.stringMatching(/^[a-z]{1,12}$/) },
    { weight: 2, arbitrary: unicode },
    { weight: 1, arbitrary: ascii },
    { weight: 1, arbitrary: fc.constant('x'.repeat(bytesMax)) },
  );
}

const uuid = fc.uuid();
const id = fc.oneof(
  { weight: 4, arbitrary: uuid },
  { weight: 1, arbitrary: uuid.map((text) => text.toUpperCase()) },
  { weight: 1, arbitrary: uuid.map((text) => `actor-${text}`) },
  { weight: 3, arbitrary: name(ID_BYTES_MAX) },
);
/** Objects that compare equal to those that the collector makes. */
const PLAIN = { noNullPrototype: true } as const;
const actor = { type: name(TYPE_BYTES_MAX), id };
const lease = fc.record(
  {
    token: number53,
    expiresAtMs: number53,
    ttlMs: fc.integer({ min: 1, max: TTL_MS_MAX }),
    renewals: word,
  },
  PLAIN,
);
const latin1 = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const value = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 3, arbitrary: latin1 },
  { weight: 1, arbitrary: fc.constantFrom('', 'HFFR'.repeat(8), '\xff'.repeat(VALUE_BYTES_MAX)) },
);

/** Any record that a store can write. */
export const anyRecord: fc.Arbitrary<LogRecord> = fc.oneof(
  fc.record({ kind: fc.constant('grant' as const), ...actor, owner: name(OWNER_BYTES_MAX), lease, value }, PLAIN),
  fc.record({ kind: fc.constant('renew' as const), ...actor, lease, value }, PLAIN),
  fc.record({ kind: fc.constantFrom('released' as const, 'expired' as const), ...actor, token: number53 }, PLAIN),
  fc.record(
    { kind: fc.constantFrom('extend' as const, 'full-ttl' as const, 'ceiling' as const), number: number53 },
    PLAIN,
  ),
);

/** A short record, for logs of which every bit is tried. */
export function smallRecord(n: number): LogRecord {
  const number = 1000 + n;
  const lease = { token: number, expiresAtMs: 2 * number, ttlMs: 60_000, renewals: n };
  switch (n % 4) {
    case 0:
      return {
        kind: 'grant',
        type: 'cart',
        id: `c-${n}`,
        owner: 'node-1',
        lease,
        value: n % 8 === 0 ? undefined : 'v',
      };
    case 1:
      return { kind: 'renew', type: 'cart', id: '8f14e45f-ceea-467f-a8f3-1d6f1c2b3a4d', lease, value: undefined };
    case 2:
      return { kind: 'expired', type: 'cart', id: `c-${n}`, token: number };
    default:
      return { kind: 'ceiling', number };
  }
}
