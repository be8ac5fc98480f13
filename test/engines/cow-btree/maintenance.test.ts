import { readdirSync } from 'node:fs';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CowBtreeStore, LeaseStoreError, openStore } from '../../../src/index.js';
import { Commits } from '../../../src/memory/commits.js';
import { Control } from '../../../src/memory/control.js';
import { temporaryDirectory } from '../../support/env.js';

const TTL_MS = 3_600_000;
const LEASES = 20_000;

/** Every thread that this process starts, in order: a store's shards come first, then those beside them. */
const threads: Worker[] = [];
process.on('worker', (worker) => threads.push(worker));

async function opened(): Promise<{ store: CowBtreeStore<unknown>; directory: string; beside: () => Worker[] }> {
  const from = threads.length;
  const directory = temporaryDirectory();
  const store = await openStore({ directory, shards: 1, memoryBytesMax: 256 * 1024 * 1024 });
  return { store, directory, beside: () => threads.slice(from + 1).filter(({ threadId }) => threadId >= 0) };
}

function acquireAll(store: CowBtreeStore<unknown>, from: number, to: number): Promise<unknown> {
  const requests = Array.from({ length: to - from }, (_, i) => ({
    key: { type: 'chat', id: `${from + i}` },
    owner: 'node-1',
    ttlMs: TTL_MS,
  }));
  return store.acquireMany(requests);
}

test('a thread beside the shards that dies at rest is replaced, whichever it is; the disk gets all that is waited for', async () => {
  const { store, directory, beside } = await opened();
  for (let round = 0; round < 4; round++) {
    // What one of them is asked for comes after what the last round's death left undone.
    await acquireAll(store, round * 10, round * 10 + 10);
    await store.flush();
    const [oldest] = beside();
    await oldest.terminate();
    await acquireAll(store, round * 10, round * 10 + 10);
    await store.flush();
    assert.ok(store.health().ok, JSON.stringify(store.health()));
    await store.checkpoint();
  }
  await store.close();
  const again = await openStore({ directory, onRestart: 'keep-deadlines' });
  assert.is(again.count(), 40);
  await again.close();
});

test('a checkpoint whose thread dies fails alone: nothing of it stays, writes go on, and the next one is made', async () => {
  const { store, directory, beside } = await opened();
  await acquireAll(store, 0, LEASES);
  await store.flush();
  const { shards, port } = store.handle();
  port.close();
  const control = new Control(shards[0].control);
  // On a busy machine one may be over before it is seen.
  let whole = 0;
  let failing: Promise<unknown>;
  for (let isOver = true; isOver; whole++) {
    isOver = false;
    failing = store.checkpoint().then(
      () => (isOver = true),
      (error) => error,
    );
    while (!isOver && new Commits(control).pinned().length === 0) await turn();
  }
  await Promise.all(beside().map((thread) => thread.terminate()));
  const error = (await failing!) as LeaseStoreError;
  assert.instance(error, LeaseStoreError);
  assert.equal([error.code, error.retryable], ['ERR_HOLDFAST_IO', true]);
  assert.is(new Commits(control).pinned().length, 0, 'its pin is gone');
  assert.equal(store.health().shards[0].degraded, ['checkpoint-failing']);
  await acquireAll(store, LEASES, LEASES + 10);
  await store.checkpoint();
  assert.ok(store.health().ok);
  const files = readdirSync(directory, { recursive: true }) as string[];
  assert.is(files.filter((name) => /\.ckpt$/.test(name)).length, Math.min(whole, 2));
  assert.is(files.filter((name) => /\.ckpt./.test(name)).length, 0, 'what was half written is gone');
  await store.close();
  const again = await openStore({ directory, memoryBytesMax: 256 * 1024 * 1024, onRestart: 'keep-deadlines' });
  assert.is(again.count(), LEASES + 10);
  await again.close();
});

test('a store closes right after the threads beside the shards have died', async () => {
  for (let round = 0; round < 6; round++) {
    const { store, directory, beside } = await opened();
    await acquireAll(store, 0, 10);
    // Both have loaded once they have answered; Node aborts if a thread is terminated before.
    await store.checkpoint();
    const both = beside();
    // The one that does not sync is nobody's loss, so nothing but the closing itself waits for the next in its place.
    const dying = round < 2 ? both : [both[round % 2]];
    await Promise.all(dying.map((thread) => thread.terminate()));
    await sleep(round * 5);
    await store.close();
    const again = await openStore({ directory, onRestart: 'keep-deadlines' });
    assert.is(again.count(), 10);
    await again.close();
  }
});

test.run();
