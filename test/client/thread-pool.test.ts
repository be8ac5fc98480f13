import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import workerThreads from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ThreadPool, ThreadStartError } from '../../src/client/thread-pool.js';
import { temporaryDirectory } from '../support/env.js';

const SOUND = `
  export function run({ op, a, b, until, arrived, threads }) {
    if (op === 'add') return a + b;
    if (op === 'die') process.exit(7);
    if (op === 'wait') Atomics.wait(until, 0, 0);
    if (op !== 'meet') return;
    Atomics.add(arrived, 0, 1);
    Atomics.notify(arrived, 0);
    for (let here; (here = Atomics.load(arrived, 0)) < threads; ) Atomics.wait(arrived, 0, here);
  }
`;
const BROKEN = `throw new Error('its modules cannot be read');`;
const ENDING = `process.exit(0);`;

/** With all of its threads loaded; `become` changes the module that later ones load. */
async function pool(size: number): Promise<{ threads: ThreadPool; become: (source: string) => void }> {
  const path = join(temporaryDirectory(), 'worker.mjs');
  const become = (source: string) => writeFileSync(path, source);
  become(SOUND);
  const threads = new ThreadPool({ worker: pathToFileURL(path), name: 'run', threads: size });
  const arrived = new Int32Array(new SharedArrayBuffer(4));
  await Promise.all(Array.from({ length: size }, () => threads.run({ op: 'meet', arrived, threads: size })));
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
  assert.is(await threads.run({ op: 'add', a: 1, b: 2 }), 3);
  become(BROKEN);
  assert.match((await failure(threads.run({ op: 'die' }))).message, 'exited with code: 7');
  for (let i = 0; i < 3; i++) {
    const error = await failure(threads.run({ op: 'add', a: 1, b: 2 }));
    assert.instance(error, ThreadStartError);
    assert.match(error.message, 'its modules cannot be read');
    assert.is((error as ThreadStartError).retryable, true);
  }
  become(SOUND);
  assert.is(await threads.run({ op: 'add', a: 3, b: 4 }), 7);
  await threads.end();
});

test('a thread that ends while it loads, without an error, is no more waited for than one that fails', async () => {
  const { threads, become } = await pool(1);
  become(ENDING);
  await failure(threads.run({ op: 'die' }));
  assert.instance(await failure(threads.run({ op: 'add', a: 1, b: 2 })), ThreadStartError);
  become(SOUND);
  assert.is(await threads.run({ op: 'add', a: 1, b: 2 }), 3);
  await threads.end();
});

test('a thread that cannot be made is told to whoever asked for it, and nothing else', async () => {
  const { threads } = await pool(1);
  await failure(threads.run({ op: 'die' }));
  // As the system answers when a process may have no more threads.
  const { Worker } = workerThreads;
  workerThreads.Worker = class {
    constructor() {
      throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
    }
  } as never;
  try {
    for (let i = 0; i < 2; i++) {
      assert.instance(await failure(threads.run({ op: 'add', a: 1, b: 2 })), ThreadStartError);
    }
  } finally {
    workerThreads.Worker = Worker;
  }
  assert.is(await threads.run({ op: 'add', a: 1, b: 2 }), 3);
  await threads.end();
});

test('the threads that are at work hear nothing of one that cannot be started', async () => {
  const { threads, become } = await pool(2);
  const until = new Int32Array(new SharedArrayBuffer(4));
  const waiting = threads.run({ op: 'wait', until });
  assert.is(await threads.run({ op: 'add', a: 1, b: 2 }), 3);
  become(BROKEN);
  await failure(threads.run({ op: 'die' }));
  assert.instance(await failure(threads.run({ op: 'add', a: 1, b: 2 })), ThreadStartError);
  Atomics.store(until, 0, 1);
  Atomics.notify(until, 0);
  await waiting;
  assert.is(await threads.run({ op: 'add', a: 1, b: 2 }), 3);
  await threads.end();
});

test('a pool of which a thread cannot be started ends without waiting for it', async () => {
  const { threads, become } = await pool(2);
  assert.is(await threads.run({ op: 'add', a: 1, b: 2 }), 3);
  become(BROKEN);
  await failure(threads.run({ op: 'die' }));
  const sinceMs = performance.now();
  await threads.end();
  assert.ok(performance.now() - sinceMs < 9_000, 'less than one thread waits for another');
});

test.run();
