// timeout: 300s
import { test } from 'uvu';
import { openCowBtree } from '../../src/engines/cow-btree/open.js';
import { resolveOptions, type StoreOptions } from '../../src/options.js';
import { conformance } from './conformance.js';

const SMALL = { memoryBytesMax: 256 * 1024 * 1024 };

for (const shards of [1, 3]) {
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
test.run();
