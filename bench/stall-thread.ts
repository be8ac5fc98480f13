import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { SLEEP_MS, type StallWatchData } from './stall-watch.js';

/*
 * Sleeps again and again for a millisecond, and notes by how much each sleep overran. It does nothing else, and nothing
 * waits for it: what delays it is the machine.
 */

const { stop, startedMs, overrunMs } = workerData as StallWatchData;

parentPort?.postMessage('watching');
let count = 0;
while (Atomics.load(stop, 0) === 0 && count < startedMs.length) {
  const from = performance.now();
  Atomics.wait(stop, 0, 0, SLEEP_MS);
  startedMs[count] = from;
  overrunMs[count] = Math.max(0, performance.now() - from - SLEEP_MS);
  count++;
}
parentPort?.postMessage(count);
