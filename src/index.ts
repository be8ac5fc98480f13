import type { AsyncLeaseStore, LeaseStore } from './lease-store.js';
import type { CowBtreeStore } from './engines/cow-btree/store.js';
import type { StoreOptions } from './options.js';
import { checkPlatform } from './platform.js';

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
export type { Percentiles } from './metrics/histogram.js';
export type { ShardMetrics, StoreMetrics } from './metrics/store-metrics.js';
export type { OnRestart, StoreOptions, WaitStrategy } from './options.js';
