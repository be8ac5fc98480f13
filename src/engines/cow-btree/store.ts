import { HEALTH_CLOSED } from '../../../native-layout/shard-control.js';
import { checkSnapshotAge } from '../../arguments.js';
import { createHandle, type StoreHandle } from '../../client/attach.js';
import type { Checkpoints } from '../../client/checkpoints.js';
import { closedError, type Dispatcher } from '../../client/dispatcher.js';
import type { MaintenancePool } from '../../client/maintenance-pool.js';
import type { ReadParts } from '../../client/reads/parts.js';
import { Reads } from '../../client/reads/reads.js';
import { ShardView } from '../../client/reads/shard-view.js';
import { Snapshot } from '../../client/reads/snapshot.js';
import type { Router } from '../../client/router.js';
import type { ShardPool } from '../../client/shard-pool.js';
import { Writes } from '../../client/writes.js';
import { type Clock, StoreTime, type TimeBase } from '../../clock.js';
import { LeaseStoreError } from '../../errors.js';
import type { DirectoryLock } from '../../io/directory-lock.js';
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
} from '../../lease.js';
import type { Manifest } from '../../manifest.js';
import { freeRow } from '../../memory/pins.js';
import type { HealthWatch, StoreHealth } from '../../metrics/health.js';
import { type ShardMetrics, type StoreMetrics, shardMetrics } from '../../metrics/store-metrics.js';
import type { ResolvedOptions } from '../../options.js';
import { openGate } from '../../shard/gate.js';
import type { RecoverySummary } from '../../shard/shard.js';
import { valueCodec } from '../../value-codec.js';
import type { BackupOptions, LeaseSnapshot, LeaseStore, SnapshotOptions, Supports } from '../engine.js';
import { backUp } from './backup.js';
import type { Fence } from './fence.js';
import type { SharedMemory } from './shared-memory.js';

export interface StoreParts {
  readonly options: ResolvedOptions;
  readonly manifest: Manifest;
  readonly memory: SharedMemory;
  readonly lock: DirectoryLock;
  readonly clock: Clock;
  readonly time: TimeBase;
  readonly dispatcher: Dispatcher;
  readonly fence: Fence;
  readonly health: HealthWatch;
  readonly shards: ShardPool;
  readonly maintenance: MaintenancePool;
  readonly checkpoints: Checkpoints;
  readonly router: Router;
  /** Reader row of the opening thread. */
  readonly readerRow: number;
  readonly recovery: readonly RecoverySummary[];
}

const SUPPORTS: Supports = {
  persistence: true,
  synced: true,
  syncReads: true,
  snapshots: true,
  consistentSnapshots: true,
  backup: true,
  attach: true,
};

/** A barrier that some shard did not wait at is tried again so often. */
const BARRIER_TRIES = 20;

/**
 * The store as its users see it: writes go to the shards' threads, reads are answered in place from their memory.
 */
export class CowBtreeStore<V> implements LeaseStore<V> {
  readonly engine = 'cow-btree';
  readonly supports = SUPPORTS;
  readonly #p: StoreParts;
  readonly #writes: Writes<V>;
  readonly #time: StoreTime;
  readonly #readParts: ReadParts<V>;
  readonly #reads: Reads<V>;
  #closing: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    this.#p = parts;
    this.#time = new StoreTime(parts.clock, parts.time);
    const codec = valueCodec<V>(parts.manifest.valueEncoding);
    this.#writes = new Writes<V>(parts.dispatcher, parts.router, codec);
    const { controls, slabs } = parts.memory;
    const views = controls.map((control, shard) => new ShardView(slabs[shard], control, parts.readerRow));
    this.#readParts = {
      views,
      router: parts.router,
      codec,
      nowMs: () => this.#time.nowMs(),
      isClosed: () => this.#closing !== undefined || parts.fence.isShut,
    };
    this.#reads = new Reads(this.#readParts);
  }

  /** What each shard's recovery found and how long it took. */
  get recovery(): readonly RecoverySummary[] {
    return this.#p.recovery;
  }

  get(key: ActorKey): Lease<V> | undefined {
    this.#expectOpen();
    return this.#reads.get(key);
  }

  check(key: ActorKey, token: number): boolean {
    this.#expectOpen();
    return this.#reads.check(key, token);
  }

  range(range?: LeaseRange): IterableIterator<Lease<V>> {
    this.#expectOpen();
    return this.#reads.range(range);
  }

  forEach(range: LeaseRange, visit: (view: LeaseView<V>) => boolean | undefined | void): number {
    this.#expectOpen();
    return this.#reads.forEach(range, visit);
  }

  count(range?: LeaseRange, options?: CountOptions): number {
    this.#expectOpen();
    return this.#reads.count(range, options);
  }

  snapshot(options?: SnapshotOptions): LeaseSnapshot<V> {
    this.#expectOpen();
    return new Snapshot(this.#readParts, checkSnapshotAge(options));
  }

  /** Stops every shard at a barrier, pins them all, and lets them go on: nothing is in it that came after anything missing. */
  async consistentSnapshot(options?: SnapshotOptions): Promise<LeaseSnapshot<V>> {
    this.#expectOpen();
    const maxAgeMs = checkSnapshotAge(options);
    for (let tries = 0; tries < BARRIER_TRIES; tries++) {
      const snapshot = await this.#atBarrier(maxAgeMs);
      if (snapshot !== undefined) return snapshot;
    }
    throw new LeaseStoreError(
      'ERR_HOLDFAST_OVERLOADED',
      'the shards could not be stopped at one point: this thread was too busy to meet them; try again',
      { retryable: true },
    );
  }

  /** `undefined` if some shard did not wait, or its thread died meanwhile. */
  async #atBarrier(maxAgeMs: number): Promise<Snapshot<V> | undefined> {
    let snapshot: Snapshot<V> | undefined;
    try {
      await this.#writes.barrier();
      snapshot = new Snapshot(this.#readParts, maxAgeMs);
    } catch (error) {
      if (!(error instanceof LeaseStoreError) || error.code !== 'ERR_HOLDFAST_SHARD_RESTARTED') throw error;
    } finally {
      // Every gate must be opened, also where one shard has given up waiting.
      const stood = this.#p.memory.controls.map(openGate);
      if (!stood.every((waited) => waited)) {
        snapshot?.close();
        snapshot = undefined;
      }
    }
    return snapshot;
  }

  acquire(key: ActorKey, options: AcquireOptions<V>): Promise<Acquired<V>> {
    return this.#writes.acquire(key, options);
  }

  acquireMany(requests: readonly AcquireRequest<V>[], options?: WriteOptions): Promise<(Acquired<V> | Failed)[]> {
    return this.#writes.acquireMany(requests, options);
  }

  renew(grant: Grant, options?: RenewOptions<V>): Promise<Renewed> {
    return this.#writes.renew(grant, options);
  }

  renewMany(requests: readonly RenewRequest[], options?: WriteOptions): Promise<(Renewed | Failed)[]> {
    return this.#writes.renewMany(requests, options);
  }

  release(grant: Grant, options?: WriteOptions): Promise<Released> {
    return this.#writes.release(grant, options);
  }

  releaseOwner(owner: string): Promise<{ readonly released: number }> {
    return this.#writes.releaseOwner(owner);
  }

  import(leases: Iterable<Lease<V>> | AsyncIterable<Lease<V>>): Promise<{ readonly imported: number }> {
    return this.#writes.import(leases);
  }

  flush(): Promise<void> {
    return this.#writes.flush();
  }

  async checkpoint(): Promise<void> {
    this.#expectOpen();
    await this.#p.checkpoints.all();
  }

  async backup(directory: string, options?: BackupOptions): Promise<void> {
    this.#expectOpen();
    await backUp(this.#p, directory, options);
  }

  /** A handle with which one other thread can {@link attach}; put its `port` into the transfer list. */
  handle(): StoreHandle {
    this.#expectOpen();
    const { memory, manifest, time } = this.#p;
    const { controls, slabs } = memory;
    const { hashSeed, valueEncoding } = manifest;
    return createHandle({ controls, slabs, hashSeed, valueEncoding, time });
  }

  /** What is wrong with which shard now. The diagnostics channel `holdfast:health` tells it as it happens. */
  health(): StoreHealth {
    return this.#p.health.now;
  }

  metrics(): StoreMetrics {
    const nowMs = this.#time.nowMs();
    const shards: ShardMetrics[] = this.#p.memory.controls.map((control) => shardMetrics(control, nowMs));
    return { shards, pending: this.#p.dispatcher.pending };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Calls first, more of which may be under way than the mailboxes hold; then checkpoints, so that nothing reads the
   * shards' memory; the lock last, when nothing writes any more.
   */
  async #close(): Promise<void> {
    const { dispatcher, health, checkpoints, maintenance, shards, lock, memory, readerRow } = this.#p;
    // Threads that are attached go by this: what they would read from now on may no longer be true.
    for (const control of memory.controls) control.raise(HEALTH_CLOSED);
    dispatcher.close();
    await dispatcher.idle();
    await checkpoints.close();
    try {
      await shards.stop();
    } finally {
      await maintenance.close();
      health.close();
      freeRow(memory.controls, readerRow);
      await lock.release();
    }
  }

  #expectOpen(): void {
    if (this.#closing !== undefined) throw closedError();
    this.#p.fence.expectOpen();
  }
}
