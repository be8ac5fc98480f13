import type { ResolvedOptions } from '../../options.js';
import type { AsyncLeaseStore } from '../engine.js';
import { levelKv } from '../ordered-kv/level-kv.js';
import { openKvStore } from '../ordered-kv/open-kv-store.js';

const WRITE_BUFFER_BYTES = 64 * 1024 * 1024;
/** The library makes each write buffer a quarter of its budget. */
const WRITE_BUFFERS = 4;

/**
 * As the RFC has it: write buffers of 64 MiB, leveled compaction with dynamic level bytes, Bloom filters of 10 bits.
 * Dynamic level bytes are RocksDB's own default, which the binding leaves alone.
 */
const RFC_CONFIGURATION = {
  compaction: 'level',
  memtableMemoryBudget: WRITE_BUFFERS * WRITE_BUFFER_BYTES,
  filterPolicy: 'bloomfilter:10:false',
} as const;

/** RocksDB. Without snapshots: the binding has none but that of a single iterator. */
export function openRocksDb<V>(options: ResolvedOptions): Promise<AsyncLeaseStore<V>> {
  const library = { engine: 'rocksdb', name: '@nxtedition/rocksdb', range: '^12.0.0' } as const;
  return openKvStore<V>(options, library, async (path, createIfMissing) => {
    const { RocksLevel } = await import('@nxtedition/rocksdb');
    const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
    const level = new RocksLevel(path, { ...RFC_CONFIGURATION, ...encodings, createIfMissing });
    await level.open({ ...RFC_CONFIGURATION, ...encodings, createIfMissing });
    return levelKv(level);
  });
}
