import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Latencies } from './latency.js';

export const SLEEP_MS = 1;

export interface StallWatchData {
  readonly stop: Int32Array;
  readonly startedMs: Float64Array;
  readonly overrunMs: Float64Array;
}

/** Watches, from a thread that has nothing to do with the store, how long the machine keeps somebody waiting. */
export class StallWatch {
  readonly #data: StallWatchData;
  readonly #worker: Worker;

  private constructor(data: StallWatchData, worker: Worker) {
    this.#data = data;
    this.#worker = worker;
  }

  /** For `seconds` at most. */
  static async start(seconds: number): Promise<StallWatch> {
    const sleeps = Math.ceil((seconds * 1000) / SLEEP_MS) + 1000;
    const data = {
      stop: new Int32Array(new SharedArrayBuffer(4)),
      startedMs: new Float64Array(new SharedArrayBuffer(8 * sleeps)),
      overrunMs: new Float64Array(new SharedArrayBuffer(8 * sleeps)),
    };
    const worker = new Worker(new URL('./stall-thread.js', import.meta.url), { workerData: data });
    await once(worker, 'message');
    return new StallWatch(data, worker);
  }

  /** By how much its sleeps overran. */
  async stop(): Promise<Latencies> {
    const { stop, startedMs, overrunMs } = this.#data;
    const counted = once(this.#worker, 'message');
    Atomics.store(stop, 0, 1);
    Atomics.notify(stop, 0);
    const [count] = await counted;
    const overruns = new Latencies(Math.max(1, count));
    for (let i = 0; i < count; i++) overruns.add(startedMs[i], startedMs[i] + overrunMs[i]);
    return overruns;
  }
}
