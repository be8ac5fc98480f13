import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ThreadPool, ThreadStartError } from '../../src/client/thread-pool.js';
import { temporaryDirectory } from '../support/env.js';

const MEET = new URL('../../src/shard/meet.js', import.meta.url);

const SOUND = `
  export { meet } from '${MEET.href}';
  export function add({ a, b }) { return a + b; }
  export function die() { process.exit(7); }
  export function wait({ until }) { Atomics.wait(until, 0, 0); }
`;
const BROKEN = `throw new Error('its modules cannot be read');`;

/** With all of its threads loaded; `become` changes the module that later ones load. */
async function pool(size: number): Promise<{ threads: ThreadPool; become: (source: string) => void }> {
  const path = join(temporaryDirectory(), 'worker.mjs');
  const become = (source: string) => writeFileSync(path, source);
  become(SOUND);
  const threads = new ThreadPool({ worker: pathToFileURL(path), name: 'add', threads: size });
  const arrived = new Int32Array(new SharedArrayBuffer(4));
  await Promise.all(Array.from({ length: size }, () => threads.run({ arrived, threads: size }, { name: 'meet' })));
  return { threads, become };
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => assert.unreachable('it should have failed'),
    (error) => error,
  );
}

test('a task whose thread cannot be started fails and says why; when one can be, the next is run', async () => {
  const { threads, become } = await pool(1);
  assert.is(await threads.run({ a: 1, b: 2 }), 3);
  become(BROKEN);
  assert.match((await failure(threads.run({}, { name: 'die' }))).message, 'exited with code: 7');
  for (let i = 0; i < 3; i++) {
    const error = await failure(threads.run({ a: 1, b: 2 }));
    assert.instance(error, ThreadStartError);
    assert.match(error.message, 'its modules cannot be read');
    assert.is((error as ThreadStartError).retryable, true);
  }
  become(SOUND);
  assert.is(await threads.run({ a: 3, b: 4 }), 7);
  await threads.end(1);
});

test('the threads that are at work hear nothing of one that cannot be started', async () => {
  const { threads, become } = await pool(2);
  const until = new Int32Array(new SharedArrayBuffer(4));
  const waiting = threads.run({ until }, { name: 'wait' });
  assert.is(await threads.run({ a: 1, b: 2 }), 3);
  become(BROKEN);
  await failure(threads.run({}, { name: 'die' }));
  assert.instance(await failure(threads.run({ a: 1, b: 2 })), ThreadStartError);
  Atomics.store(until, 0, 1);
  Atomics.notify(until, 0);
  await waiting;
  assert.is(await threads.run({ a: 1, b: 2 }), 3);
  await threads.end(2);
});

test('a pool of which a thread cannot be started ends without waiting for it', async () => {
  const { threads, become } = await pool(2);
  assert.is(await threads.run({ a: 1, b: 2 }), 3);
  become(BROKEN);
  await failure(threads.run({}, { name: 'die' }));
  const sinceMs = performance.now();
  await threads.end(2);
  assert.ok(performance.now() - sinceMs < 9_000, 'less than one thread waits for another');
});

test.run();
