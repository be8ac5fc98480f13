import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FRAME_BYTES, FRAME_COUNT, SEGMENT_HEADER_BYTES } from '../../../native-layout/wal-frame.js';
import { openStore, type WaitStrategy } from '../../../src/index.js';
import { granted, key, LONG_MS, newDirectory } from '../../conformance/subject.js';

/** Empty frames, which say how far the log is durable. */
function durableMarks(segment: Buffer): number {
  let marks = 0;
  for (let at = SEGMENT_HEADER_BYTES; at < segment.length; at += segment.readUInt32LE(at + FRAME_BYTES * 4)) {
    if (segment.readUInt32LE(at + FRAME_COUNT * 4) === 0) marks++;
  }
  return marks;
}

const STRATEGIES: readonly WaitStrategy[] = ['adaptive', 'spin', 'park'];

for (const waitStrategy of STRATEGIES) {
  test(`an idle store proves the end of its log under '${waitStrategy}'`, async () => {
    const directory = newDirectory();
    // A test that fails must not leave a shard spinning.
    await using store = await openStore({ directory, shards: 1, waitStrategy });
    await granted(store.acquire(key('a'), { owner: 'node-1', ttlMs: LONG_MS }));
    const shard = join(directory, 'generation-1', 'shard-0');
    const [log] = readdirSync(shard).filter((name) => name.endsWith('.log'));
    const marks = () => durableMarks(readFileSync(join(shard, log)));
    for (let i = 0; i < 200 && marks() === 0; i++) await sleep(25);
    assert.is(marks(), 1, 'a mark was appended');
    await sleep(600);
    assert.is(marks(), 1, 'one, not one each time it is idle');
  });
}

test.run();
