import {
  ID_BYTES_MAX,
  OWNER_BYTES_MAX,
  TTL_MS_MAX,
  TTL_MS_MIN,
  TWO_32,
  TYPE_BYTES_MAX,
} from '../native-layout/format.js';
import { invalidArgument, LeaseStoreError } from './errors.js';
import { isAsciiName, textBytes } from './key.js';
import type { Durability, LeaseRange } from './lease.js';
import { asArgumentError, booleanOf, integerWithin, oneOf, ownFields, unknownName } from './own-fields.js';

/*
 * Checks what callers pass to a store, for all engines alike. Keys and owners come out as they went in: whoever turns
 * them into bytes (`KeyEncoder`) checks them. Each property is read once, so that what was checked is what is used.
 */

/** Room that an import leaves for grants to come, which must stay safe integers above it. */
const TOKEN_ROOM = 2 ** 50;
export const IMPORT_TOKEN_MAX = Number.MAX_SAFE_INTEGER - TOKEN_ROOM;
/** The latest instant that a Date can hold. */
const INSTANT_MS_MAX = 8.64e15;
const RENEWALS_MAX = TWO_32 - 1;
const SNAPSHOT_AGE_MS = { min: 1, max: 24 * 60 * 60 * 1000, fallback: 60_000 };
const DURABILITIES: readonly Durability[] = ['written', 'synced'];

export interface CheckedAcquire {
  readonly owner: unknown;
  readonly ttlMs: number;
  readonly value: unknown;
  readonly previous: number | undefined;
  readonly durability: Durability | undefined;
}

const ACQUIRE_NAMES = ['owner', 'ttlMs', 'value', 'previous', 'durability'];

export function checkAcquire(options: unknown): CheckedAcquire {
  const given = checkObject(options, 'options') as Record<string, unknown>;
  let owner: unknown;
  let ttlMs: unknown;
  let value: unknown;
  let previous: unknown;
  let durability: unknown;
  try {
    for (const name in given) {
      if (!Object.hasOwn(given, name)) continue;
      if (name === 'owner') owner = given.owner;
      else if (name === 'ttlMs') ttlMs = given.ttlMs;
      else if (name === 'value') value = given.value;
      else if (name === 'previous') previous = given.previous;
      else if (name === 'durability') durability = given.durability;
      else throw unknownName('options', name, ACQUIRE_NAMES);
    }
  } catch (error) {
    throw asArgumentError(error, 'options');
  }
  return {
    owner,
    ttlMs: checkTtl(ttlMs, 'options.ttlMs'),
    value,
    previous: previous === undefined ? undefined : checkToken(previous, 'options.previous'),
    durability: durability === undefined ? undefined : oneOf(durability, 'options.durability', DURABILITIES),
  };
}

export interface CheckedAcquireRequest {
  readonly key: unknown;
  readonly owner: unknown;
  readonly ttlMs: number;
  readonly value: unknown;
}

const ACQUIRE_REQUEST_NAMES = ['key', 'owner', 'ttlMs', 'value'];

/** One request of an `acquireMany`; `field` names it in errors. */
export function checkAcquireRequest(request: unknown, field: string): CheckedAcquireRequest {
  const given = checkObject(request, field) as Record<string, unknown>;
  let key: unknown;
  let owner: unknown;
  let ttlMs: unknown;
  let value: unknown;
  try {
    for (const name in given) {
      if (!Object.hasOwn(given, name)) continue;
      if (name === 'key') key = given.key;
      else if (name === 'owner') owner = given.owner;
      else if (name === 'ttlMs') ttlMs = given.ttlMs;
      else if (name === 'value') value = given.value;
      else throw unknownName(field, name, ACQUIRE_REQUEST_NAMES);
    }
  } catch (error) {
    throw asArgumentError(error, field);
  }
  return { key, owner, ttlMs: checkTtl(ttlMs, field, '.ttlMs'), value };
}

export interface CheckedGrant {
  readonly key: unknown;
  readonly token: number;
  /** Undefined where the call has none. */
  readonly ttlMs: number | undefined;
}

const GRANT_NAMES = ['key', 'token'];
const RENEW_REQUEST_NAMES = ['key', 'token', 'ttlMs'];

/** A key with a token. It may be a whole lease as the store handed it out: what is not asked for is not looked at. */
export function checkGrant(grant: unknown): CheckedGrant {
  return readGrant(grant, 'grant', LEASE_NAMES, GRANT_NAMES, false);
}

/** One request of a `renewMany`; `field` names it in errors. */
export function checkRenewRequest(request: unknown, field: string): CheckedGrant {
  return readGrant(request, field, LEASE_NAMES, RENEW_REQUEST_NAMES, true);
}

function readGrant(
  grant: unknown,
  field: string,
  allowed: readonly string[],
  named: readonly string[],
  takesTtl: boolean,
): CheckedGrant {
  const given = checkObject(grant, field) as Record<string, unknown>;
  let key: unknown;
  let token: unknown;
  let ttlMs: unknown;
  try {
    for (const name in given) {
      if (!Object.hasOwn(given, name)) continue;
      if (name === 'key') key = given.key;
      else if (name === 'token') token = given.token;
      else if (name === 'ttlMs') ttlMs = takesTtl ? given.ttlMs : undefined;
      else if (!allowed.includes(name)) throw unknownName(field, name, named);
    }
  } catch (error) {
    throw asArgumentError(error, field);
  }
  return {
    key,
    token: checkToken(token, field, '.token'),
    ttlMs: ttlMs === undefined ? undefined : checkTtl(ttlMs, field, '.ttlMs'),
  };
}

export interface CheckedRenew {
  readonly ttlMs: number | undefined;
  readonly value: unknown;
  readonly durability: Durability | undefined;
}

const NO_RENEW: CheckedRenew = { ttlMs: undefined, value: undefined, durability: undefined };

export function checkRenew(options: unknown): CheckedRenew {
  if (options === undefined) return NO_RENEW;
  const { ttlMs, value, durability } = ownFields(options, 'options', ['ttlMs', 'value', 'durability']);
  return {
    ttlMs: ttlMs === undefined ? undefined : checkTtl(ttlMs, 'options.ttlMs'),
    value,
    durability: durability === undefined ? undefined : oneOf(durability, 'options.durability', DURABILITIES),
  };
}

/** What a call's `{ durability }` asks for. */
export function checkWriteOptions(options: unknown): Durability | undefined {
  if (options === undefined) return undefined;
  const { durability } = ownFields(options, 'options', ['durability']);
  return durability === undefined ? undefined : oneOf(durability, 'options.durability', DURABILITIES);
}

export interface CheckedImport {
  readonly key: unknown;
  readonly owner: unknown;
  readonly token: number;
  readonly expiresAtMs: number;
  readonly ttlMs: number;
  readonly renewals: number;
  readonly value: unknown;
}

const LEASE_NAMES = ['key', 'owner', 'token', 'expiresAtMs', 'ttlMs', 'acquiredAtMs', 'renewals', 'value'] as const;

/** A lease to be imported. `acquiredAtMs` is not looked at: the token tells it. */
export function checkImport(lease: unknown, field: string): CheckedImport {
  const { key, owner, token, expiresAtMs, ttlMs, renewals, value } = ownFields(lease, field, LEASE_NAMES);
  return {
    key,
    owner,
    token: integerWithin(token, `${field}.token`, 1, IMPORT_TOKEN_MAX),
    expiresAtMs: integerWithin(expiresAtMs, `${field}.expiresAtMs`, 0, INSTANT_MS_MAX),
    ttlMs: checkTtl(ttlMs, `${field}.ttlMs`),
    renewals: integerWithin(renewals, `${field}.renewals`, 0, RENEWALS_MAX),
    value,
  };
}

/** A bound on ids within the range's type. */
export interface IdBound {
  readonly id: string;
  readonly inclusive: boolean;
}

export interface CheckedRange {
  readonly type: string | undefined;
  readonly owner: string | undefined;
  readonly lower: IdBound | undefined;
  readonly upper: IdBound | undefined;
  readonly after: { readonly type: string; readonly id: string } | undefined;
  readonly reverse: boolean;
  /** Infinity for none. */
  readonly limit: number;
  readonly includeExpired: boolean;
}

const RANGE_NAMES = ['type', 'owner', 'gt', 'gte', 'lt', 'lte', 'after', 'reverse', 'limit', 'includeExpired'] as const;

const EVERYTHING: CheckedRange = {
  type: undefined,
  owner: undefined,
  lower: undefined,
  upper: undefined,
  after: undefined,
  reverse: false,
  limit: Number.POSITIVE_INFINITY,
  includeExpired: false,
};

export function checkRange(range: unknown): CheckedRange {
  if (range === undefined) return EVERYTHING;
  const given = ownFields(range, 'range', RANGE_NAMES);
  const lower = checkBound(given.gt, 'gt', given.gte, 'gte');
  const upper = checkBound(given.lt, 'lt', given.lte, 'lte');
  if (given.type === undefined && (lower ?? upper) !== undefined) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      'range.gt, gte, lt and lte bound the ids of one type; give range.type with them',
    );
  }
  return {
    type: given.type === undefined ? undefined : checkText(given.type, 'range.type', TYPE_BYTES_MAX),
    owner: given.owner === undefined ? undefined : checkText(given.owner, 'range.owner', OWNER_BYTES_MAX),
    lower,
    upper,
    after: given.after === undefined ? undefined : checkKey(given.after, 'range.after'),
    reverse: given.reverse === undefined ? false : booleanOf(given.reverse, 'range.reverse'),
    limit:
      given.limit === undefined
        ? Number.POSITIVE_INFINITY
        : integerWithin(given.limit, 'range.limit', 0, Number.MAX_SAFE_INTEGER),
    includeExpired:
      given.includeExpired === undefined ? false : booleanOf(given.includeExpired, 'range.includeExpired'),
  };
}

/** A range as it was when it was read, checked, to be handed on to other stores: every option that has a default is set. */
export function ownRange(range: unknown): LeaseRange {
  const own = range === undefined ? {} : ownFields(range, 'range', RANGE_NAMES);
  const { after, reverse, limit, includeExpired } = checkRange(own);
  const bounded = { ...own, reverse, includeExpired, limit: Math.min(limit, Number.MAX_SAFE_INTEGER) } as LeaseRange;
  return after === undefined ? bounded : { ...bounded, after };
}

function checkBound(exclusive: unknown, exclusiveName: string, inclusive: unknown, inclusiveName: string) {
  if (exclusive !== undefined && inclusive !== undefined) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      `range.${exclusiveName} and range.${inclusiveName} exclude each other; give one of them`,
    );
  }
  if (exclusive !== undefined) return bound(exclusive, exclusiveName, false);
  return inclusive === undefined ? undefined : bound(inclusive, inclusiveName, true);
}

function bound(id: unknown, name: string, inclusive: boolean): IdBound {
  return { id: checkText(id, `range.${name}`, ID_BYTES_MAX), inclusive };
}

/** What `forEach` shows each lease to. What it throws is the caller's own, and goes back to the caller as it is. */
export function checkVisit(visit: unknown): void {
  if (typeof visit !== 'function') throw invalidArgument('visit', 'a function', visit);
}

/** Whether a count wants live leases only. */
export function checkCountLive(options: unknown): boolean {
  if (options === undefined) return false;
  const { live } = ownFields(options, 'options', ['live']);
  return live === undefined ? false : booleanOf(live, 'options.live');
}

/** The snapshot's greatest age in ms. */
export function checkSnapshotAge(options: unknown): number {
  const { min, max, fallback } = SNAPSHOT_AGE_MS;
  if (options === undefined) return fallback;
  const { maxAgeMs } = ownFields(options, 'options', ['maxAgeMs']);
  return maxAgeMs === undefined ? fallback : integerWithin(maxAgeMs, 'options.maxAgeMs', min, max);
}

export interface CheckedBackup {
  readonly onProgress: ((progress: { phase: string; done: number; total: number }) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

export function checkBackup(options: unknown): CheckedBackup {
  if (options === undefined) return { onProgress: undefined, signal: undefined };
  const { onProgress, signal } = ownFields(options, 'options', ['onProgress', 'signal']);
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument('options.onProgress', 'a function', onProgress);
  }
  return {
    onProgress: onProgress as CheckedBackup['onProgress'],
    signal: signal === undefined ? undefined : trueSignal(signal),
  };
}

/** A signal that follows the caller's, which may only look like one. */
function trueSignal(signal: unknown): AbortSignal {
  try {
    return AbortSignal.any([signal as AbortSignal]);
  } catch {
    throw invalidArgument('options.signal', 'an AbortSignal', signal);
  }
}

/** An actor's key as strings, checked, where its bytes are not wanted yet. */
export function checkKey(key: unknown, field: string): { readonly type: string; readonly id: string } {
  const { type, id } = ownFields(key, field, ['type', 'id']);
  return {
    type: checkText(type, `${field}.type`, TYPE_BYTES_MAX),
    id: checkText(id, `${field}.id`, ID_BYTES_MAX),
  };
}

export function checkText(text: unknown, field: string, bytesMax: number): string {
  if (isAsciiName(text, bytesMax)) return text;
  textBytes(text, field, bytesMax);
  return text as string;
}

export function checkTtl(ttlMs: unknown, field: string, part = ''): number {
  return integerWithin(ttlMs, field, TTL_MS_MIN, TTL_MS_MAX, part);
}

export function checkToken(token: unknown, field: string, part = ''): number {
  return integerWithin(token, field, 0, Number.MAX_SAFE_INTEGER, part);
}

function checkObject(input: unknown, field: string): object {
  if (typeof input !== 'object' || input === null) throw invalidArgument(field, 'an object', input);
  return input;
}
