import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openStore } from '../../../src/index.js';
import { temporaryDirectory } from '../../support/env.js';

/** More than a mailbox holds at a time, by several times. */
const CALLS = 40_000;

test('every call that was made before close is carried out and answered', async () => {
  const options = { directory: join(temporaryDirectory(), 'leases'), shards: 1, memoryBytesMax: 256 * 1024 * 1024 };
  const store = await openStore<string>({ ...options, engine: 'cow-btree' });
  let granted = 0;
  const calls = Array.from({ length: CALLS }, async (_, i) => {
    const answer = await store.acquire(
      { type: 't', id: `actor-${i}` },
      { owner: 'n', ttlMs: 60_000, value: 'x'.repeat(64) },
    );
    if (answer.ok) granted++;
  });
  await store.close();
  assert.is(granted, CALLS, 'before close resolves');
  await Promise.all(calls);
  const again = await openStore({ ...options, engine: 'cow-btree' });
  assert.is(again.count(), CALLS);
  await again.close();
});

test.run();
