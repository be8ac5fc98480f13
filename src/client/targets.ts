import * as mail from '../../native-layout/mailbox.js';
import { LeaseStoreError } from '../errors.js';
import type { Acquired, ActorKey, Failed, Lease, Refusal, Released, Renewed } from '../lease.js';
import { acquiredAtMs } from '../lease-times.js';
import type { ValueCodec } from '../value-codec.js';
import type { Target } from './calls.js';
import type { Completion } from './completion.js';

/** Turns the completion of one kind of operation into its result. `index` is that of the operation in its batch. */
export type Read<R> = (completion: Completion, index: number) => R;

/** What settles the promise that was made last. */
let resolveLast: (result: unknown) => void;
let rejectLast: (error: Error) => void;

/** One executor for all promises: one of its own for each would be another hundred bytes of garbage a call. */
const capture = (resolve: (result: unknown) => void, reject: (error: Error) => void): void => {
  resolveLast = resolve;
  rejectLast = reject;
};

/** One call that waits for one result. */
export class Single<R> implements Target {
  readonly promise: Promise<R>;
  readonly #read: Read<R>;
  readonly #resolve: (result: R) => void;
  readonly #reject: (error: Error) => void;

  constructor(read: Read<R>) {
    this.#read = read;
    this.promise = new Promise<unknown>(capture) as Promise<R>;
    this.#resolve = resolveLast;
    this.#reject = rejectLast;
  }

  complete(completion: Completion): void {
    if (completion.status === mail.STATUS_FAILED) this.#reject(failureOf(completion));
    else this.#resolve(this.#read(completion, 0));
  }

  fail(error: Error): void {
    this.#reject(error);
  }
}

/** Many operations that one call waits for; each has a result of its own, in order. */
export class Batch<R> implements Target {
  readonly results: (R | Failed)[];
  readonly #read: Read<R>;
  #left: number;
  #enoughLeft = -1;
  #resolve: () => void = () => {};

  constructor(size: number, read: Read<R>) {
    this.results = new Array(size);
    this.#left = size;
    this.#read = read;
  }

  /** Resolves once at most `left` operations have no result. Only one may wait at a time. */
  untilLeft(left: number): Promise<void> {
    return new Promise((resolve) => {
      this.#enoughLeft = left;
      this.#resolve = resolve;
      if (this.#left <= left) resolve();
    });
  }

  complete(completion: Completion, index: number): void {
    const failed = completion.status === mail.STATUS_FAILED;
    this.#put(index, failed ? failedWith(failureOf(completion)) : this.#read(completion, index));
  }

  fail(error: Error, index: number): void {
    this.#put(index, failedWith(error));
  }

  #put(index: number, result: R | Failed): void {
    this.results[index] = result;
    if (--this.#left === this.#enoughLeft) this.#resolve();
  }
}

/** The result of one operation of a batch that went wrong by itself. */
export function failedWith(error: Error): Failed {
  return { ok: false, reason: 'failed', error };
}

const REFUSALS: { readonly [status: number]: Refusal } = {
  [mail.STATUS_EXPIRED]: 'expired',
  [mail.STATUS_SUPERSEDED]: 'superseded',
  [mail.STATUS_UNKNOWN]: 'unknown',
};

export function readRenewed(completion: Completion): Renewed {
  const { status } = completion;
  if (status === mail.STATUS_OK) return { ok: true, expiresAtMs: completion.expiresAtMs };
  return { ok: false, reason: REFUSALS[status] };
}

export function readReleased(completion: Completion): Released {
  const { status } = completion;
  return status === mail.STATUS_OK ? { ok: true } : { ok: false, reason: REFUSALS[status] };
}

/** What an acquire asked for, which its answer does not repeat. */
export interface Asked {
  readonly key: ActorKey;
  readonly owner: string;
  /** As it was sent: the caller's own object may have changed since. */
  readonly value: Uint8Array | undefined;
}

export function readAcquired<V>(completion: Completion, asked: Asked, codec: ValueCodec<V>): Acquired<V> {
  switch (completion.status) {
    case mail.STATUS_OK:
      return { ok: true, lease: leaseOf(completion, asked.key, asked.owner, asked.value, codec) };
    case mail.STATUS_HELD: {
      const { value } = completion;
      const owner = Buffer.from(completion.owner).toString('utf8');
      return { ok: false, reason: 'held', current: leaseOf(completion, asked.key, owner, value, codec) };
    }
    default:
      return { ok: false, reason: 'changed' };
  }
}

function leaseOf<V>(
  completion: Completion,
  key: ActorKey,
  owner: string,
  value: Uint8Array | undefined,
  codec: ValueCodec<V>,
): Lease<V> {
  const { token, expiresAtMs, ttlMs, renewals } = completion;
  const acquiredAt = acquiredAtMs(token, expiresAtMs, ttlMs);
  const lease = { key, owner, token, expiresAtMs, ttlMs, acquiredAtMs: acquiredAt, renewals };
  return value === undefined ? lease : { ...lease, value: codec.decode(value) };
}

const WHY: { readonly [code: string]: string } = {
  ERR_HOLDFAST_IO: 'the log could not be written and was cut back to what stood before; writes go on when it can be',
  ERR_HOLDFAST_DISK_FULL: 'the disk is full; free some space, writes go on by themselves',
  ERR_HOLDFAST_READ_ONLY: 'an earlier sync of the log failed; close the store, check the disk and open it again',
  ERR_HOLDFAST_FULL: 'memoryBytesMax is reached; release leases or open the store with a larger one',
  ERR_HOLDFAST_CLOSED: 'the store was closed',
};

const WHY_LOG_FAILED = 'writing the log failed on the way; health() tells whether the shard still takes writes';

function failureOf(completion: Completion): LeaseStoreError {
  const { failure, outcomeUnknown } = completion;
  const why = failure === 'ERR_HOLDFAST_IO' && outcomeUnknown ? WHY_LOG_FAILED : WHY[failure];
  return new LeaseStoreError(failure, why, {
    retryable: failure === 'ERR_HOLDFAST_DISK_FULL' || failure === 'ERR_HOLDFAST_FULL',
    outcome: outcomeUnknown ? 'unknown' : 'not-applied',
  });
}
