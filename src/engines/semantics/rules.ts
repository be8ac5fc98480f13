import type { Refusal } from '../../lease.js';
import type { ByteText } from './byte-text.js';
import type { LeaseRecord } from './lease-record.js';

/** What a caller, or the store's own housekeeping, wants done to the lease of one key. */
export type Operation =
  | {
      readonly kind: 'acquire';
      readonly key: ByteText;
      readonly owner: ByteText;
      readonly ttlMs: number;
      readonly value: Uint8Array | undefined;
      readonly previous: number | undefined;
    }
  | {
      readonly kind: 'renew';
      readonly key: ByteText;
      readonly token: number;
      readonly ttlMs: number | undefined;
      readonly value: Uint8Array | undefined;
    }
  | { readonly kind: 'release'; readonly key: ByteText; readonly token: number }
  | { readonly kind: 'import'; readonly key: ByteText; readonly record: LeaseRecord }
  /** Of a slice of `releaseOwner`: a grant made after that call began stays. */
  | { readonly kind: 'release-of-owner'; readonly key: ByteText; readonly owner: ByteText; readonly tokenMax: number }
  /** Of a sweep that saw the deadline pass. */
  | { readonly kind: 'expire'; readonly key: ByteText };

/** What the caller is told. */
export type Answer =
  | { readonly ok: true; readonly record: LeaseRecord }
  | { readonly ok: false; readonly reason: 'held'; readonly current: LeaseRecord }
  | { readonly ok: false; readonly reason: 'changed' | Refusal };

/** What becomes of the key: nothing, another record, or none. */
export type Change =
  | {
      readonly kind: 'grant' | 'renew';
      readonly key: ByteText;
      readonly record: LeaseRecord;
      readonly newValue: boolean;
    }
  | {
      readonly kind: 'remove';
      readonly key: ByteText;
      readonly token: number;
      readonly reason: 'released' | 'expired';
    };

export interface Decision {
  readonly answer: Answer;
  readonly change: Change | undefined;
}

/** Hands out fencing tokens. */
export interface Tokens {
  /** A token above all that were handed out or raised to. */
  next(nowMs: number): number;
  raise(token: number): void;
}

/**
 * The rules of leases, for every engine that keeps them as records. `current` is what the key holds, expired or not;
 * whoever calls stores the change before anyone hears the answer.
 *
 * - A lease counts until its deadline, whether or not it was swept by then: an expired one hinders nobody, and nothing
 *   but another grant brings it back.
 * - acquire: granted on a free key and to the holder itself, each time with a new token. With `previous`, only over
 *   the live lease of that token (0: only on a free key), whoever holds it.
 * - renew, release: only with the token of the stored grant. An older one was superseded; a newer one is of no grant
 *   that this store knows.
 * - import: a token is never lowered; of one grant the state with more renewals counts; what is granted later gets a
 *   higher token.
 */
export function decide(
  operation: Operation,
  current: LeaseRecord | undefined,
  nowMs: number,
  tokens: Tokens,
): Decision {
  switch (operation.kind) {
    case 'acquire':
      return acquire(operation, current, nowMs, tokens);
    case 'renew':
      return renew(operation, current, nowMs);
    case 'release': {
      const refusal = judge(current, operation.token, nowMs);
      return refusal ?? removed(operation.key, current as LeaseRecord, 'released');
    }
    case 'release-of-owner':
      if (current === undefined || current.owner !== operation.owner) return UNKNOWN;
      if (current.token > operation.tokenMax) return SUPERSEDED;
      return removed(operation.key, current, 'released');
    case 'expire':
      if (current === undefined || isLive(current, nowMs)) return UNKNOWN;
      return removed(operation.key, current, 'expired');
    case 'import': {
      const { key, record } = operation;
      if (current !== undefined && !isNewer(record, current)) return SUPERSEDED;
      tokens.raise(record.token);
      return stored('grant', key, record, record.value !== undefined);
    }
  }
}

function isNewer(record: LeaseRecord, than: LeaseRecord): boolean {
  return record.token > than.token || (record.token === than.token && record.renewals > than.renewals);
}

export function isLive(record: LeaseRecord, nowMs: number): boolean {
  return record.expiresAtMs > nowMs;
}

const CHANGED: Decision = { answer: { ok: false, reason: 'changed' }, change: undefined };
const UNKNOWN: Decision = { answer: { ok: false, reason: 'unknown' }, change: undefined };
const SUPERSEDED: Decision = { answer: { ok: false, reason: 'superseded' }, change: undefined };
const EXPIRED: Decision = { answer: { ok: false, reason: 'expired' }, change: undefined };

function acquire(
  { key, owner, ttlMs, value, previous }: Extract<Operation, { kind: 'acquire' }>,
  current: LeaseRecord | undefined,
  nowMs: number,
  tokens: Tokens,
): Decision {
  const holder = current !== undefined && isLive(current, nowMs) ? current : undefined;
  const free =
    previous === undefined ? holder === undefined || holder.owner === owner : (holder?.token ?? 0) === previous;
  if (!free) {
    return holder === undefined
      ? CHANGED
      : { answer: { ok: false, reason: 'held', current: holder }, change: undefined };
  }
  // Above the stored token even where the clock was set back and the lease came by an import.
  if (current !== undefined) tokens.raise(current.token);
  const token = tokens.next(nowMs);
  return stored('grant', key, { owner, token, expiresAtMs: deadline(nowMs, ttlMs), ttlMs, renewals: 0, value }, true);
}

function renew(
  { key, token, ttlMs, value }: Extract<Operation, { kind: 'renew' }>,
  current: LeaseRecord | undefined,
  nowMs: number,
): Decision {
  const refusal = judge(current, token, nowMs);
  if (refusal !== undefined) return refusal;
  const before = current as LeaseRecord;
  const ttl = ttlMs ?? before.ttlMs;
  const record = {
    owner: before.owner,
    token,
    expiresAtMs: deadline(nowMs, ttl),
    ttlMs: ttl,
    renewals: (before.renewals + 1) >>> 0,
    value: value ?? before.value,
  };
  return stored('renew', key, record, value !== undefined);
}

/** Why the holder of `token` may not touch the lease, if so. */
function judge(current: LeaseRecord | undefined, token: number, nowMs: number): Decision | undefined {
  if (current === undefined || token > current.token) return UNKNOWN;
  if (token < current.token) return SUPERSEDED;
  return isLive(current, nowMs) ? undefined : EXPIRED;
}

/** Rounded up: a lease never ends before its ttl is over. */
function deadline(nowMs: number, ttlMs: number): number {
  return Math.ceil(nowMs) + ttlMs;
}

function stored(kind: 'grant' | 'renew', key: ByteText, record: LeaseRecord, newValue: boolean): Decision {
  return { answer: { ok: true, record }, change: { kind, key, record, newValue } };
}

function removed(key: ByteText, record: LeaseRecord, reason: 'released' | 'expired'): Decision {
  return { answer: { ok: true, record }, change: { kind: 'remove', key, token: record.token, reason } };
}
