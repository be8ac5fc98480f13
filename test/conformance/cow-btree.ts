import { openCowBtree } from '../../src/engines/cow-btree/open.js';
import { resolveOptions, type StoreOptions } from '../../src/options.js';
import { conformance } from './conformance.js';

const SMALL = { memoryBytesMax: 256 * 1024 * 1024 };

/** The suite on stores with so many shards. */
export function cowBtreeConforms(shards: number): void {
  // The store of a child that was killed is made with another count, and is resharded here.
  const open = async (options: StoreOptions) => openCowBtree(resolveOptions({ shards, ...SMALL, ...options }));
  conformance('cow-btree', open, {
    persistence: true,
    synced: true,
    syncReads: true,
    snapshots: true,
    consistentSnapshots: true,
    backup: true,
    attach: true,
  });
}
