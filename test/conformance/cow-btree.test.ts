// timeout: 300s
import { test } from 'uvu';
import { openCowBtree } from '../../src/engines/cow-btree/open.js';
import { resolveOptions } from '../../src/options.js';
import { conformance } from './conformance.js';

const SMALL = { memoryBytesMax: 256 * 1024 * 1024 };

for (const shards of [1, 3]) {
  conformance('cow-btree', async (options) => openCowBtree(resolveOptions({ shards, ...SMALL, ...options })), {
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
