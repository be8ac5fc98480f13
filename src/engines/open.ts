import type { ResolvedOptions } from '../options.js';
import type { AsyncLeaseStore } from './engine.js';

/** Opens a store with the engine that its options name. Each engine is loaded only when it is asked for. */
export async function openEngine<V>(options: ResolvedOptions): Promise<AsyncLeaseStore<V>> {
  switch (options.engine) {
    case 'cow-btree':
      return (await import('./cow-btree/open.js')).openCowBtree<V>(options);
    case 'memory':
      return (await import('./memory.js')).openMemory<V>(options);
    case 'append-log':
      return (await import('./append-log/open.js')).openAppendLog<V>(options);
    case 'rocksdb':
      return (await import('./rocksdb/open.js')).openRocksDb<V>(options);
    case 'lsm':
      return (await import('./lsm.js')).openLsm<V>(options);
    case 'mmap-wal':
      return (await import('./mmap-wal/open.js')).openMmapWal<V>(options);
  }
}
