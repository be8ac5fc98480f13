import { actor, nodeOf } from '../../src/cli/demo/workload.js';
import type { ActorKey } from '../../src/index.js';

/*
 * How somebody who has only a key-value library would keep a lease: under "type NUL id" a record of 48 bytes, under
 * "owner NUL type NUL id" nothing, so that a node can be asked for. Text keys are in the order of their bytes.
 */

const EXPIRES_AT = 0;
const TOKEN = 8;
const ACQUIRED_AT = 16;
const TTL = 24;
const RENEWALS = 28;
const OWNER_LENGTH = 32;
const OWNER = 33;
export const RECORD_BYTES = 48;
export const NO_BYTES = Buffer.alloc(0);

export interface PeerLease {
  readonly expiresAtMs: number;
  readonly token: number;
  readonly acquiredAtMs: number;
  readonly ttlMs: number;
  readonly renewals: number;
  readonly owner: string;
}

/** In one piece: a text that was only put together is copied by whoever reads it first, which is timed. */
export const keyText = ({ type, id }: ActorKey) => [type, id].join('\0');
export const ownerKeyText = (owner: string, key: string) => `${owner}\0${key}`;

/** Behind every key that starts with a text: no UTF-8 text goes on with this. */
export const PAST = '\u{10ffff}';

/** The first lease of an actor. */
export function newRecord(index: number, ttlMs: number): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  const now = Date.now();
  bytes.writeDoubleLE(now + ttlMs, EXPIRES_AT);
  bytes.writeDoubleLE(now * 1000 + index, TOKEN);
  bytes.writeDoubleLE(now, ACQUIRED_AT);
  bytes.writeUInt32LE(ttlMs, TTL);
  const owner = nodeOf(index);
  bytes[OWNER_LENGTH] = owner.length;
  bytes.write(owner, OWNER, 'latin1');
  return bytes;
}

/** A renewal in place. */
export function touchRecord(bytes: Buffer): void {
  bytes.writeDoubleLE(Date.now() + bytes.readUInt32LE(TTL), EXPIRES_AT);
  bytes.writeUInt32LE(bytes.readUInt32LE(RENEWALS) + 1, RENEWALS);
}

export function decodeRecord(bytes: Buffer): PeerLease {
  return {
    expiresAtMs: bytes.readDoubleLE(EXPIRES_AT),
    token: bytes.readDoubleLE(TOKEN),
    acquiredAtMs: bytes.readDoubleLE(ACQUIRED_AT),
    ttlMs: bytes.readUInt32LE(TTL),
    renewals: bytes.readUInt32LE(RENEWALS),
    owner: bytes.toString('latin1', OWNER, OWNER + bytes[OWNER_LENGTH]),
  };
}

/** What goes into a peer for the actors with these numbers. */
export function* loadEntries(
  seed: number,
  from: number,
  to: number,
  ttlMs: number,
): Generator<{ readonly key: string; readonly ownerKey: string; readonly record: Buffer }> {
  for (let index = from; index < to; index++) {
    const key = keyText(actor(seed, index));
    yield { key, ownerKey: ownerKeyText(nodeOf(index), key), record: newRecord(index, ttlMs) };
  }
}

/** Enough that none is written to while a library may still read it. */
const RECORDS_IN_TURN = 8192;

/**
 * Records to renew with. The holder of a lease knows what it holds, so a renewal is a blind write of the whole record: no
 * read, no check of the token. That is less than a lease store does, and as fast as a peer can be used.
 */
export class RenewalRecords {
  readonly #records = Array.from({ length: RECORDS_IN_TURN }, (_, i) => newRecord(i, 3_600_000));
  #next = 0;

  take(): Buffer {
    const record = this.#records[this.#next++ & (RECORDS_IN_TURN - 1)];
    touchRecord(record);
    return record;
  }
}
