import { StoreTime, systemClock } from '../clock.js';
import type { ResolvedOptions } from '../options.js';
import { TokenSource } from '../shard/tokens.js';
import type { LeaseStore, Supports } from './engine.js';
import { IndexedStore } from './indexed/indexed-store.js';
import { LeaseIndex } from './indexed/lease-index.js';

const SUPPORTS: Supports = {
  persistence: false,
  synced: false,
  syncReads: true,
  snapshots: true,
  consistentSnapshots: true,
  backup: false,
  attach: false,
};

/** Plain maps and sorted trees in the heap of this thread; gone with the process. */
export function openMemory<V>(options: ResolvedOptions): LeaseStore<V> {
  const clock = systemClock();
  const time = new StoreTime(clock, { storeMs: clock.wallMs(), monotonicMs: clock.monotonicMs() });
  return new IndexedStore<V>({
    options,
    supports: SUPPORTS,
    index: new LeaseIndex(time.nowMs()),
    tokens: new TokenSource(0),
    journal: undefined,
    nowMs: () => time.nowMs(),
  });
}
