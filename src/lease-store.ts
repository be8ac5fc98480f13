import type {
  Acquired,
  AcquireOptions,
  AcquireRequest,
  ActorKey,
  CountOptions,
  Failed,
  Grant,
  Lease,
  LeaseRange,
  LeaseView,
  Released,
  Renewed,
  RenewOptions,
  RenewRequest,
  WriteOptions,
} from './lease.js';

/** The engines that can stand behind a store. */
export type EngineName = 'cow-btree' | 'memory' | 'mmap-wal' | 'append-log' | 'rocksdb' | 'lsm';

/** What an engine truly does. What is absent is refused with a clear error, never imitated. */
export interface Supports {
  /** Survives the end of the process. */
  readonly persistence: boolean;
  /** Takes `durability: 'synced'`. */
  readonly synced: boolean;
  /** Reads answer synchronously. */
  readonly syncReads: boolean;
  readonly snapshots: boolean;
  /** `consistentSnapshot` is one cut across everything. */
  readonly consistentSnapshots: boolean;
  readonly backup: boolean;
  /** Other threads can read through `attach`. */
  readonly attach: boolean;
}

export interface SnapshotOptions {
  /** After this age an idle snapshot may be ousted to free its memory. Default 60,000. */
  readonly maxAgeMs?: number;
}

export interface BackupOptions {
  /** Hears how far it has come. */
  readonly onProgress?: (progress: Progress) => void;
  /** Stops it with `ERR_HOLDFAST_ABORTED`; what was written so far is removed. */
  readonly signal?: AbortSignal;
}

/** How far a long piece of work has come. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
}

/** Reads that answer on the calling thread. */
export interface LeaseReads<V> {
  /** The live lease of a key; undefined if nobody holds it, also when its lease has expired and was not swept yet. */
  get(key: ActorKey): Lease<V> | undefined;
  /** Whether `token` is the live grant of the key. */
  check(key: ActorKey, token: number): boolean;
  /** Leases in key order (within one owner and across types alike). Breaking out of the loop frees what it holds. */
  range(range?: LeaseRange): IterableIterator<Lease<V>>;
  /**
   * Visits leases in place, without copying them; return `false` to stop. Answers how many were visited. The view is
   * good within its call only, and the whole visit sees one commit of each shard.
   */
  forEach(range: LeaseRange, visit: (view: LeaseView<V>) => boolean | undefined | void): number;
  /** Stored leases in the range (expired but unswept ones included), or only live ones. */
  count(range?: LeaseRange, options?: CountOptions): number;
}

/** Reads that never change, until closed or ousted. Expiry is judged at the snapshot's own instant. */
export interface LeaseSnapshot<V> extends LeaseReads<V>, Disposable {
  /** Store time at which the snapshot judges expiry, ms since the epoch. */
  readonly atMs: number;
  /** Lets its memory go; reads fail with `ERR_HOLDFAST_CLOSED` from then on. Idempotent. */
  close(): void;
}

/**
 * Writes are promises in every engine. They reject with a `LeaseStoreError` whose `outcome` says whether the write may
 * have happened all the same; what is merely refused is a result.
 */
export interface LeaseWrites<V> {
  /** Grants a key that nobody else holds, with a new token, for `ttlMs` from now. To its own holder it is granted afresh. */
  acquire(key: ActorKey, options: AcquireOptions<V>): Promise<Acquired<V>>;
  /**
   * As many acquires behind one promise; answers in order, and one that fails takes no other with it. Those of one key are
   * carried out in order, others in any. What is called before the promise settles may be carried out before the rest of a
   * batch of more than 8,192.
   */
  acquireMany(requests: readonly AcquireRequest<V>[], options?: WriteOptions): Promise<(Acquired<V> | Failed)[]>;
  /** Moves the deadline to `ttlMs` from now. Takes a lease as it was handed out, or its key and token. */
  renew(grant: Grant, options?: RenewOptions<V>): Promise<Renewed>;
  /** As many renewals behind one promise, in the same way. */
  renewMany(requests: readonly RenewRequest[], options?: WriteOptions): Promise<(Renewed | Failed)[]>;
  /** Gives a lease up before its deadline. */
  release(grant: Grant, options?: WriteOptions): Promise<Released>;
  /** Releases what the owner held when the call began; in slices, not atomically. */
  releaseOwner(owner: string): Promise<{ readonly released: number }>;
  /**
   * Bulk load that keeps owners, deadlines and tokens. Takes what is newer than what is stored: a higher token, or the
   * same one with more renewals. So it can be run again, and never lowers a token.
   */
  import(leases: Iterable<Lease<V>> | AsyncIterable<Lease<V>>): Promise<{ readonly imported: number }>;
}

interface Lifecycle extends AsyncDisposable {
  readonly engine: EngineName;
  /** What this engine can do; the rest is refused with `ERR_HOLDFAST_ENGINE_UNAVAILABLE`. */
  readonly supports: Supports;
  /** Resolves once everything acknowledged so far is on the disk. */
  flush(): Promise<void>;
  /** Writes what is in memory to the disk now, so that the next opening has less to replay. Happens by itself, too. */
  checkpoint(): Promise<void>;
  /** Copies the store, while it goes on, into a directory that is missing or empty; the copy opens as a store. */
  backup(directory: string, options?: BackupOptions): Promise<void>;
  /** Finishes what is under way, makes it durable and lets the directory go. Later calls fail with `ERR_HOLDFAST_CLOSED`. */
  close(): Promise<void>;
}

/** A store of leases whose reads are synchronous. */
export interface LeaseStore<V = unknown> extends LeaseReads<V>, LeaseWrites<V>, Lifecycle {
  /** The published commit of each shard, frozen: `ERR_HOLDFAST_OVERLOADED` if this thread holds too many already. */
  snapshot(options?: SnapshotOptions): LeaseSnapshot<V>;
  /** All shards as of one moment: with a write, it holds every write that was acknowledged before that one began. */
  consistentSnapshot(options?: SnapshotOptions): Promise<LeaseSnapshot<V>>;
  /** Counters and latencies, as far as the engine keeps any; what they are is the engine's own. */
  metrics(): unknown;
}

type MaybePromise<T> = T | Promise<T>;

/** {@link LeaseSnapshot} with reads that may be promises. */
export interface AsyncLeaseSnapshot<V> extends AsyncDisposable {
  readonly atMs: number;
  get(key: ActorKey): MaybePromise<Lease<V> | undefined>;
  check(key: ActorKey, token: number): MaybePromise<boolean>;
  range(range?: LeaseRange): IterableIterator<Lease<V>> | AsyncIterableIterator<Lease<V>>;
  count(range?: LeaseRange, options?: CountOptions): MaybePromise<number>;
  close(): MaybePromise<void>;
}

/** What every engine implements: code written with `await` and `for await` runs on any of them. */
export interface AsyncLeaseStore<V = unknown> extends LeaseWrites<V>, Lifecycle {
  get(key: ActorKey): MaybePromise<Lease<V> | undefined>;
  check(key: ActorKey, token: number): MaybePromise<boolean>;
  range(range?: LeaseRange): IterableIterator<Lease<V>> | AsyncIterableIterator<Lease<V>>;
  count(range?: LeaseRange, options?: CountOptions): MaybePromise<number>;
  snapshot(options?: SnapshotOptions): MaybePromise<AsyncLeaseSnapshot<V> | LeaseSnapshot<V>>;
  consistentSnapshot(options?: SnapshotOptions): Promise<AsyncLeaseSnapshot<V> | LeaseSnapshot<V>>;
  metrics(): unknown;
}
