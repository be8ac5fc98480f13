import { test } from 'uvu';
import { openRocksDb } from '../../src/engines/rocksdb/open.js';
import { resolveOptions } from '../../src/options.js';
import { conformance } from './conformance.js';

conformance('rocksdb', async (options) => openRocksDb(resolveOptions(options)), {
  persistence: true,
  synced: true,
  syncReads: false,
  snapshots: false,
  consistentSnapshots: false,
  backup: false,
  attach: false,
});
test.run();
