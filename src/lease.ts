/** Names one actor. Keys are ordered by the UTF-8 bytes of `type`, then of `id`. */
export interface ActorKey {
  /** 1-128 bytes of well-formed Unicode without NUL. */
  readonly type: string;
  /** 1-256 bytes of well-formed Unicode without NUL. */
  readonly id: string;
}

/** One owner's claim on one actor until a deadline. A plain copy: it does not change after it was handed out. */
export interface Lease<V = unknown> {
  readonly key: ActorKey;
  /** The node (process, worker, gateway…) that holds the actor. */
  readonly owner: string;
  /** Fencing token: greater than that of every earlier grant of this key, across restarts, power cuts and restores. */
  readonly token: number;
  /** Store time (ms since the epoch) from which the lease no longer holds. */
  readonly expiresAtMs: number;
  /** What the last grant or renewal asked for, and what a renewal without a ttl of its own takes. */
  readonly ttlMs: number;
  /**
   * When it was granted, as the token tells: store time, ms. Where tokens are ahead of the clock, as for some seconds after
   * a crash, it is when the lease was granted or renewed last.
   */
  readonly acquiredAtMs: number;
  /** How often it was renewed since it was granted. */
  readonly renewals: number;
  /** Absent where the lease has none. */
  readonly value?: V;
}

/** The answer to an acquire. Expected contention is a result, not an exception. */
export type Acquired<V = unknown> =
  | { readonly ok: true; readonly lease: Lease<V> }
  /** Somebody else holds the key, or with `previous`, anybody by another token. */
  | { readonly ok: false; readonly reason: 'held'; readonly current: Lease<V> }
  /** Only with `previous`: the lease with that token is gone or has expired, and nobody holds the key now. */
  | { readonly ok: false; readonly reason: 'changed' };

/**
 * Why a renew or release did nothing: the deadline passed, there is a newer grant, or the key has no lease with this
 * token. An expired lease that was swept meanwhile is `'unknown'`.
 */
export type Refusal = 'expired' | 'superseded' | 'unknown';

/** The answer to a renewal. `expiresAtMs`: store time from which the lease no longer holds, if it is not renewed again. */
export type Renewed =
  | { readonly ok: true; readonly expiresAtMs: number }
  | { readonly ok: false; readonly reason: Refusal };

/** The answer to a release. */
export type Released = { readonly ok: true } | { readonly ok: false; readonly reason: Refusal };

/** One operation of a batch that failed on its own, beside others that did not. */
export interface Failed {
  readonly ok: false;
  readonly reason: 'failed';
  readonly error: Error;
}

/** When a write is acknowledged: once its log frame is in the page cache, or once it is on the disk. */
export type Durability = 'written' | 'synced';

export interface WriteOptions {
  /** Overrides the store's durability for this call's acknowledgement; can only ask for more. */
  readonly durability?: Durability;
}

export interface AcquireOptions<V = unknown> extends WriteOptions {
  readonly owner: string;
  /** 1 ms to 49 days. */
  readonly ttlMs: number;
  readonly value?: V;
  /** Grant only over the live lease with this token, whoever holds it (0: only if nobody holds the key). */
  readonly previous?: number;
}

/** One operation of an `acquireMany`. */
export interface AcquireRequest<V = unknown> {
  readonly key: ActorKey;
  readonly owner: string;
  readonly ttlMs: number;
  readonly value?: V;
}

/** A key with the token of the grant that is meant. */
export interface Grant {
  readonly key: ActorKey;
  readonly token: number;
}

export interface RenewOptions<V = unknown> extends WriteOptions {
  /** Defaults to the lease's own ttl. */
  readonly ttlMs?: number;
  /** Replaces the stored value; without it the value stays. */
  readonly value?: V;
}

/** One operation of a `renewMany`. */
export interface RenewRequest extends Grant {
  /** Defaults to the lease's own ttl. */
  readonly ttlMs?: number;
}

/** Which leases a read covers. Without `type`, all types; bounds on ids need a `type`. */
export interface LeaseRange {
  readonly type?: string;
  /** Only leases of this owner. */
  readonly owner?: string;
  /** Ids behind this one; at most one of `gt` and `gte`, and of `lt` and `lte`. */
  readonly gt?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly lte?: string;
  /** Continue behind this key, in the direction of the read. */
  readonly after?: ActorKey;
  readonly reverse?: boolean;
  /** At most so many leases. */
  readonly limit?: number;
  /** Also leases whose deadline has passed but which the sweep has not removed yet. */
  readonly includeExpired?: boolean;
}

export interface CountOptions {
  /** Count only leases that have not expired; walks the range instead of reading aggregates. */
  readonly live?: boolean;
}

/**
 * A lease read in place: one reused object whose accessors read the node. Valid only inside the callback that it
 * was handed to; call {@link LeaseView.toLease} to keep it.
 */
export interface LeaseView<V = unknown> {
  readonly type: string;
  readonly id: string;
  readonly owner: string;
  readonly token: number;
  readonly expiresAtMs: number;
  readonly ttlMs: number;
  readonly acquiredAtMs: number;
  readonly renewals: number;
  readonly value: V | undefined;
  toLease(): Lease<V>;
}
