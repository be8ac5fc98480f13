import { test } from 'uvu';
import { openMemory } from '../../src/engines/memory.js';
import { resolveOptions } from '../../src/options.js';
import { conformance } from './conformance.js';

conformance('memory', async (options) => openMemory(resolveOptions(options)), {
  persistence: false,
  synced: false,
  syncReads: true,
  snapshots: true,
  consistentSnapshots: true,
  backup: false,
  attach: false,
});
test.run();
