/** Every code that a {@link LeaseStoreError} can carry. */
export type ErrorCode =
  /** An argument or option is not what the call takes; nothing was changed. */
  | 'ERR_HOLDFAST_INVALID_ARGUMENT'
  /** Another process (or another store in this one) has the directory open. */
  | 'ERR_HOLDFAST_LOCKED'
  /** Bytes on disk contradict their checksum or each other; nothing was changed. */
  | 'ERR_HOLDFAST_CORRUPT'
  /** The directory is not a store, or one of a format that this version does not read. */
  | 'ERR_HOLDFAST_FORMAT'
  /** The file system failed; after a failed sync the shard takes no more writes until the store is opened again. */
  | 'ERR_HOLDFAST_IO'
  /** The disk is full; the shard is read-only until there is room again. */
  | 'ERR_HOLDFAST_DISK_FULL'
  /** The shard takes no writes (an earlier failure says why). */
  | 'ERR_HOLDFAST_READ_ONLY'
  /** `memoryBytesMax` is reached: no new leases; renewals and releases go on. */
  | 'ERR_HOLDFAST_FULL'
  /** Too many operations are waiting for the shard. */
  | 'ERR_HOLDFAST_OVERLOADED'
  /** The shard's thread died and was replaced while the call was under way. */
  | 'ERR_HOLDFAST_SHARD_RESTARTED'
  /** The snapshot outlived its `maxAgeMs`, or its memory was needed. */
  | 'ERR_HOLDFAST_SNAPSHOT_OUSTED'
  /** The store, snapshot or attachment was closed. */
  | 'ERR_HOLDFAST_CLOSED'
  /** The caller's `AbortSignal` fired. */
  | 'ERR_HOLDFAST_ABORTED'
  /** This runtime lacks something holdfast cannot do without. */
  | 'ERR_HOLDFAST_UNSUPPORTED_RUNTIME'
  /** The engine's optional package is missing, does not load here, or lacks what was asked of it. */
  | 'ERR_HOLDFAST_ENGINE_UNAVAILABLE';

/** What is known of a failed write: it certainly did not happen, or it may have. */
export type Outcome = 'not-applied' | 'unknown';

export interface LeaseStoreErrorOptions {
  readonly retryable?: boolean;
  readonly outcome?: Outcome;
  readonly cause?: unknown;
}

/** The one error class that holdfast throws for anything but a bug in itself. */
export class LeaseStoreError extends Error {
  override readonly name = 'LeaseStoreError';
  readonly code: ErrorCode;
  /** Whether the same call can succeed later without anyone changing anything. */
  readonly retryable: boolean;
  readonly outcome: Outcome;

  constructor(code: ErrorCode, message: string, options: LeaseStoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.outcome = options.outcome ?? 'not-applied';
  }
}

/** An argument that is not what the call takes: names the field, what it must be, and the kind of what came. */
export function invalidArgument(field: string, mustBe: string, got: unknown): LeaseStoreError {
  return new LeaseStoreError('ERR_HOLDFAST_INVALID_ARGUMENT', `${field} must be ${mustBe}; got ${describeKind(got)}`);
}

/** The kind of a value, with the value itself only where it is short and harmless to print. */
export function describeKind(value: unknown): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'number':
    case 'boolean':
      return `${typeof value} ${value}`;
    case 'bigint':
      return 'a bigint';
    case 'string':
      return `a string of ${value.length} UTF-16 units`;
    case 'undefined':
      return 'undefined';
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    default:
      return isArray(value) ? 'an array' : 'an object';
  }
}

function isArray(value: unknown): boolean {
  try {
    return Array.isArray(value);
  } catch {
    // A proxy that was revoked.
    return false;
  }
}

/**
 * The error of a call that has changed `leases` leases before it failed. It is not one that was not applied, whatever
 * became of the rest of it.
 */
export function partlyApplied(error: unknown, leases: number): unknown {
  if (!(error instanceof LeaseStoreError) || leases === 0 || error.outcome === 'unknown') return error;
  const { code, message, retryable } = error;
  return new LeaseStoreError(
    code,
    `${message}; ${leases} leases had been changed by this call already, so make it again`,
    {
      retryable,
      outcome: 'unknown',
      cause: error,
    },
  );
}

/** Bytes of a file contradict their checksum, each other, or what is known to have been durable. */
export function corruptFile(path: string, offset: number, why: string): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `${path} is damaged at byte ${offset}: ${why}. Nothing was changed; keep a copy of the store as it is, check the disk, and restore a backup`,
  );
}
