import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import { openStore } from '../../../src/index.js';
import { granted, key, LONG_MS, newDirectory, rejects } from '../../conformance/subject.js';

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

test.run();
