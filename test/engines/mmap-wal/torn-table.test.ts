import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openMmapWal } from '../../../src/engines/mmap-wal/open.js';
import { resolveOptions } from '../../../src/options.js';
import { collect, granted, key, LONG_MS, newDirectory, rejects } from '../../conformance/subject.js';

const owner = 'node-1';
const open = (directory: string) => openMmapWal<unknown>(resolveOptions({ engine: 'mmap-wal', directory }));
const tableOf = (directory: string) => join(directory, 'data', 'table');

/** A store that went on for a while after a checkpoint, and the table as it was at that checkpoint. */
async function beyondCheckpoint(directory: string) {
  const store = await open(directory);
  for (let i = 0; i < 200; i++)
    await granted(store.acquire(key(`k${i}`), { owner, ttlMs: LONG_MS, value: `before ${i}` }));
  await store.checkpoint();
  const before = fs.readFileSync(tableOf(directory));
  const leases = await collect(store.range());
  for (const [i, lease] of leases.entries()) {
    if (i % 4 === 0) assert.ok((await store.renew(lease)).ok);
    else if (i % 4 === 1)
      assert.ok((await store.renew(lease, { value: `a value that is a good deal longer, ${i}` })).ok);
    else if (i % 4 === 2) assert.ok((await store.release(lease)).ok);
    // Twice: the second record after a checkpoint tells of the change only.
    if (i % 8 === 0) assert.ok((await store.renew(lease)).ok);
  }
  for (let i = 0; i < 60; i++) await granted(store.acquire(key(`n${i}`), { owner: 'node-2', ttlMs: LONG_MS }));
  const after = await collect(store.range());
  await store.close();
  return { before, after };
}

test('pages that never reached the disk are made up for by the log', async () => {
  const directory = newDirectory();
  const { before, after } = await beyondCheckpoint(directory);
  fs.writeFileSync(tableOf(directory), before);
  const store = await open(directory);
  assert.equal(await collect(store.range()), after);
  assert.equal(
    await collect(store.range({ owner: 'node-2' })),
    after.filter((lease) => lease.owner === 'node-2'),
  );
  await store.close();
});

test('of pages that reached the disk in part, any part will do', async () => {
  const directory = newDirectory();
  const { before, after } = await beyondCheckpoint(directory);
  const now = fs.readFileSync(tableOf(directory));
  for (const sector of [512, 64, 16]) {
    for (const phase of [0, 1]) {
      const copy = newDirectory();
      fs.cpSync(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
      const torn = Buffer.from(now);
      for (let at = phase * sector; at < torn.length; at += 2 * sector) before.copy(torn, at, at, at + sector);
      fs.writeFileSync(tableOf(copy), torn);
      const store = await open(copy);
      assert.equal(await collect(store.range()), after, `sectors of ${sector}`);
      await store.close();
      // And what recovery wrote is a good table by itself.
      const again = await open(copy);
      assert.equal(await collect(again.range()), after);
      await again.close();
    }
  }
});

test('a table outgrows its first chunk, and reuses what is freed', async () => {
  const directory = newDirectory();
  const store = await open(directory);
  const value = 'x'.repeat(4000);
  const ids = Array.from({ length: 3000 }, (_, i) => `k${i}`);
  const all = () => store.acquireMany(ids.map((id) => ({ key: key(id), owner, ttlMs: LONG_MS, value })));
  await all();
  assert.ok(fs.statSync(tableOf(directory)).size > 12_000_000);
  await store.releaseOwner(owner);
  await all();
  const grown = fs.statSync(tableOf(directory)).size;
  for (let i = 0; i < 3; i++) {
    await store.releaseOwner(owner);
    await all();
  }
  assert.is(fs.statSync(tableOf(directory)).size, grown);
  const leases = await collect(store.range());
  await store.close();
  const again = await open(directory);
  assert.equal(await collect(again.range()), leases);
  await again.close();
});

test('what a table cannot do is refused', async () => {
  const options = resolveOptions({ engine: 'mmap-wal', directory: newDirectory(), onRestart: 'full-ttl' });
  await rejects(() => openMmapWal(options), 'ERR_HOLDFAST_ENGINE_UNAVAILABLE', /onRestart/);
});

test.run();
