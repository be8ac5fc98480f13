import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openStore } from '../../../src/index.js';
import { granted, key, LONG_MS, newDirectory, rejects } from '../../conformance/subject.js';
import { damageLeases } from '../../support/damage.js';

test('a checkpoint that the file system refuses fails with a typed error, and the next one can succeed', async () => {
  const directory = newDirectory();
  const store = await openStore({ directory, shards: 1 });
  await granted(store.acquire(key('a'), { owner: 'node-1', ttlMs: LONG_MS }));
  // The thread that syncs in the background has its file open from here on.
  await store.flush();
  const shard = join(directory, 'generation-1', 'shard-0');
  renameSync(shard, `${shard}-away`);
  await rejects(() => store.checkpoint(), 'ERR_HOLDFAST_IO', /ENOENT/);
  renameSync(`${shard}-away`, shard);
  await store.checkpoint();
  await store.close();
});

test('what is damaged in memory takes no place of what is whole on the disk', async () => {
  const directory = newDirectory();
  const store = await openStore({ directory, shards: 1 });
  const keys = Array.from({ length: 100 }, (_, i) => key(`${i}`));
  for (const each of keys) await granted(store.acquire(each, { owner: 'node-1', ttlMs: LONG_MS }));
  await store.checkpoint();
  const shard = join(directory, 'generation-1', 'shard-0');
  const names = readdirSync(shard);
  damageLeases(store);
  await rejects(() => store.checkpoint(), 'ERR_HOLDFAST_CORRUPT', /open it again/);
  assert.equal(readdirSync(shard), names);
  assert.equal(store.health().shards[0].degraded, ['damaged', 'checkpoint-failing']);
  assert.throws(() => store.get(keys[0]), /open it again/);
  await rejects(() => store.acquire(key('new'), { owner: 'node-1', ttlMs: LONG_MS }), 'ERR_HOLDFAST_CORRUPT');
  await store.close();
  const again = await openStore({ directory, onRestart: 'keep-deadlines' });
  assert.ok(keys.every((each) => again.get(each)?.owner === 'node-1'));
  await again.close();
});

test.run();
