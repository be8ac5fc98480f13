import type { AsyncLeaseStore, LeaseStore } from './lease-store.js';
import type { CowBtreeStore } from './engines/cow-btree/store.js';
import type { MigrateOptions, Migration } from './migrate.js';
import type { StoreOptions } from './options.js';
import { checkPlatform } from './platform.js';
import type { ShadowOptions, ShadowStore } from './shadow.js';

/**
 * Opens a store, or makes one in an empty directory. Only one may have a directory open at a time.
 *
 * @throws LeaseStoreError `ERR_HOLDFAST_INVALID_ARGUMENT`, `LOCKED`, `FORMAT`, `CORRUPT`, `IO`, `FULL`,
 * `UNSUPPORTED_RUNTIME` or `ENGINE_UNAVAILABLE`; nothing on disk is changed then
 */
export function openStore<V = unknown>(
  options: StoreOptions & { readonly engine?: 'cow-btree' },
): Promise<CowBtreeStore<V>>;
export function openStore<V = unknown>(
  options: StoreOptions & { readonly engine: 'memory' | 'mmap-wal' | 'append-log' },
): Promise<LeaseStore<V>>;
export function openStore<V = unknown>(options: StoreOptions): Promise<AsyncLeaseStore<V>>;
export async function openStore<V>(options: StoreOptions): Promise<AsyncLeaseStore<V>> {
  // Before anything is loaded that a runtime without shared memory could not even link.
  checkPlatform();
  const { resolveOptions } = await import('./options.js');
  const { openEngine } = await import('./engines/open.js');
  return openEngine<V>(resolveOptions(options));
}

/**
 * Copies all live leases from one store to another, with their owners, tokens, deadlines and values, and compares the two.
 * It can be interrupted and run again: what the target has already is passed over. Nobody should write to the source
 * meanwhile, or run it once more then; to move a service while it runs, see {@link shadow}.
 *
 * @throws LeaseStoreError `ERR_HOLDFAST_ABORTED` when the signal fires, and whatever either store throws
 */
export async function migrate<V>(
  from: AsyncLeaseStore<V>,
  to: AsyncLeaseStore<V>,
  options: MigrateOptions = {},
): Promise<Migration> {
  checkPlatform();
  return (await import('./migrate.js')).migrate(from, to, options);
}

/**
 * Makes one store of two, to walk a service from one to the other while it runs: each key belongs to one of them, at
 * first all to `primary`, and the other keeps a copy; `moveTo(percent)` moves keys. It owns both stores from now on:
 * nobody else should write to them, and it closes them.
 *
 * @throws LeaseStoreError `ERR_HOLDFAST_INVALID_ARGUMENT`
 */
export async function shadow<V>(
  primary: AsyncLeaseStore<V>,
  secondary: AsyncLeaseStore<V>,
  options: ShadowOptions = {},
): Promise<ShadowStore<V>> {
  checkPlatform();
  const { ShadowStore } = await import('./shadow.js');
  return new ShadowStore(primary, secondary, options);
}

export { type AttachedReads, attach, type StoreHandle } from './client/attach.js';
export type { CowBtreeStore } from './engines/cow-btree/store.js';
export type {
  AsyncLeaseSnapshot,
  AsyncLeaseStore,
  BackupOptions,
  EngineName,
  LeaseReads,
  LeaseSnapshot,
  LeaseStore,
  LeaseWrites,
  Progress,
  SnapshotOptions,
  Supports,
} from './lease-store.js';
export { type ErrorCode, LeaseStoreError, type Outcome } from './errors.js';
export type * from './lease.js';
export type { Degradation, HealthEvent, ShardHealth, StoreHealth } from './metrics/health.js';
export type { Percentiles } from './metrics/histogram.js';
export type { ShardMetrics, StoreMetrics } from './metrics/store-metrics.js';
export type { MigrateOptions, Migration, MigrationProgress, Verification } from './migrate.js';
export type { OnRestart, StoreOptions, WaitStrategy } from './options.js';
export type { Divergence, ShadowMetrics, ShadowOptions, ShadowStore } from './shadow.js';
