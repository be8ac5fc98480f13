import type { Lease } from '../../lease.js';
import { acquiredAtMs } from '../../lease-times.js';
import type { ValueCodec } from '../../value-codec.js';
import { actorOf, type ByteText, ownerOf } from './byte-text.js';

/** A stored lease, without its key. Never changed once made: a renewal makes another. */
export interface LeaseRecord {
  readonly owner: ByteText;
  readonly token: number;
  readonly expiresAtMs: number;
  readonly ttlMs: number;
  readonly renewals: number;
  /** Encoded. */
  readonly value: Uint8Array | undefined;
}

/** The lease as callers see it. */
export function toLease<V>(key: ByteText, record: LeaseRecord, codec: ValueCodec<V>): Lease<V> {
  const { owner, token, expiresAtMs, ttlMs, renewals, value } = record;
  const lease = {
    key: actorOf(key),
    owner: ownerOf(owner),
    token,
    expiresAtMs,
    ttlMs,
    acquiredAtMs: acquiredAtMs(token, expiresAtMs, ttlMs),
    renewals,
  };
  return value === undefined ? lease : { ...lease, value: codec.decode(value) };
}
