import { test } from 'uvu';
import { openMmapWal } from '../../src/engines/mmap-wal/open.js';
import { resolveOptions } from '../../src/options.js';
import { conformance } from './conformance.js';

conformance('mmap-wal', async (options) => openMmapWal(resolveOptions(options)), {
  persistence: true,
  synced: true,
  syncReads: true,
  snapshots: true,
  consistentSnapshots: true,
  backup: false,
  attach: false,
});
test.run();
