import { test } from 'uvu';
import { openAppendLog } from '../../src/engines/append-log/open.js';
import { resolveOptions } from '../../src/options.js';
import { conformance } from './conformance.js';

conformance('append-log', async (options) => openAppendLog(resolveOptions(options)), {
  persistence: true,
  synced: true,
  syncReads: true,
  snapshots: true,
  consistentSnapshots: true,
  backup: true,
  attach: false,
});
test.run();
