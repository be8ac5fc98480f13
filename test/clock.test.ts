import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Clock, distanceMs, StoreTime, systemClock } from '../src/clock.js';

const CLOCK = new URL('../src/clock.js', import.meta.url).href;

test('store time advances with the monotonic clock, whatever the wall clock does', () => {
  let monotonicMs = 5000;
  let wallMs = 1.7e12;
  const clock: Clock = { monotonicMs: () => monotonicMs, wallMs: () => wallMs };
  const time = new StoreTime(clock, { storeMs: clock.wallMs(), monotonicMs: clock.monotonicMs() });
  assert.is(time.nowMs(), 1.7e12);
  monotonicMs += 250.5;
  wallMs -= 3600_000;
  assert.is(time.nowMs(), 1.7e12 + 250.5);
});

test('two threads are on one line of time', async () => {
  const clock = systemClock();
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData).then(({ systemClock }) => {
      const clock = systemClock();
      parentPort.on('message', () => parentPort.postMessage(clock.monotonicMs()));
      parentPort.postMessage(clock.monotonicMs());
    });
  `;
  const worker = new Worker(script, { eval: true, workerData: CLOCK });
  const answer = (): Promise<number> => new Promise((resolve) => worker.once('message', resolve));
  await answer();
  for (let i = 0; i < 20; i++) {
    const before = clock.monotonicMs();
    const there = answer();
    worker.postMessage('when');
    const then = await there;
    // Each thread places itself on the line with an error of its own, far below a millisecond.
    assert.ok(before - 1 <= then && then <= clock.monotonicMs() + 1, `${then} is not behind ${before}`);
  }
  await worker.terminate();
});

test('the system clock never steps back and knows the date', () => {
  const clock = systemClock();
  let last = clock.monotonicMs();
  for (let i = 0; i < 10_000; i++) {
    const now = clock.monotonicMs();
    assert.ok(now >= last);
    last = now;
  }
  assert.ok(Math.abs(clock.wallMs() - Date.now()) < 1000);
});

test('two clocks are compared as closely as a thread that loses its core now and then can', () => {
  const looks = [0, 5, 0, 0, 7, 0, 0.25, 0.25, 0, 9];
  let nowMs = 1000;
  let look = 0;
  const clock = (aheadMs: number) => () => {
    nowMs += looks[look++ % looks.length];
    return nowMs + aheadMs;
  };
  const distance = distanceMs(clock(500), clock(0));
  assert.ok(Math.abs(distance - 500) <= 0.25, `${distance}`);
});

test.run();
