import { test } from 'uvu';
import { openLsm } from '../../src/engines/lsm.js';
import { resolveOptions } from '../../src/options.js';
import { conformance } from './conformance.js';

conformance('lsm', async (options) => openLsm(resolveOptions(options)), {
  persistence: true,
  synced: true,
  syncReads: false,
  snapshots: true,
  consistentSnapshots: true,
  backup: false,
  attach: false,
});
test.run();
