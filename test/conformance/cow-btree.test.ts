// timeout: 300s
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import { openCowBtree } from '../../src/engines/cow-btree/open.js';
import { MANIFEST_FILE } from '../../src/manifest.js';
import { resolveOptions, type StoreOptions } from '../../src/options.js';
import { conformance } from './conformance.js';

const SMALL = { memoryBytesMax: 256 * 1024 * 1024 };

for (const shards of [1, 3]) {
  // A store that is there already, as the one of a child that was killed, keeps the count that it was made with.
  const wanted = (directory: string | undefined) =>
    directory !== undefined && existsSync(join(directory, MANIFEST_FILE)) ? {} : { shards };
  const open = async (options: StoreOptions) =>
    openCowBtree(resolveOptions({ ...wanted(options.directory), ...SMALL, ...options }));
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
