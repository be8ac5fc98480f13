import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openStore, type WaitStrategy } from '../../../src/index.js';
import { granted, key, LONG_MS, newDirectory } from '../../conformance/subject.js';

const STRATEGIES: readonly WaitStrategy[] = ['adaptive', 'spin', 'park'];

for (const waitStrategy of STRATEGIES) {
  test(`an idle store proves the end of its log under '${waitStrategy}'`, async () => {
    const directory = newDirectory();
    // A test that fails must not leave a shard spinning.
    await using store = await openStore({ directory, shards: 1, waitStrategy });
    await granted(store.acquire(key('a'), { owner: 'node-1', ttlMs: LONG_MS }));
    const shard = join(directory, 'generation-1', 'shard-0');
    const [log] = readdirSync(shard).filter((name) => name.endsWith('.log'));
    const bytes = () => statSync(join(shard, log)).size;
    const written = bytes();
    for (let i = 0; i < 200 && bytes() === written; i++) await sleep(25);
    // An empty frame behind the last one says how far the log is durable.
    const marked = bytes();
    assert.ok(marked > written, 'a mark was appended');
    await sleep(600);
    assert.is(bytes(), marked, 'one, not one each time it is idle');
  });
}

test.run();
