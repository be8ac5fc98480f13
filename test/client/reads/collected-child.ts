import { setImmediate } from 'node:timers/promises';
import { Reads } from '../../../src/client/reads/reads.js';
import { Snapshot } from '../../../src/client/reads/snapshot.js';
import { ShardFixture, START_MS } from '../../support/shard-fixture.js';

/** Run with --expose-gc: drops snapshots and unfinished iterators, and prints how many pins are left once collected. */
const fixture = new ShardFixture();
for (let i = 0; i < 1000; i++) {
  const rest = { owner: 'node', token: START_MS * 1000, expiresAtMs: START_MS + 1000, ttlMs: 1000, renewals: 0 };
  fixture.put({ key: { type: 't', id: String(i) }, ...rest });
}
fixture.publish();
const parts = fixture.parts();

function drop(): void {
  for (let i = 0; i < 20; i++) {
    new Reads(parts).range().next();
    new Snapshot(parts, 60_000).count();
  }
}

drop();
const before = fixture.pinned;
const collect = (globalThis as { gc?: () => void }).gc;
for (let i = 0; i < 100 && fixture.pinned > 0; i++) {
  collect?.();
  await setImmediate();
}
console.log(`${before} ${fixture.pinned}`);
