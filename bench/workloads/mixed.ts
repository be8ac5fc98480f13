import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { rank } from '../../src/cli/demo/latency.js';
import { direct, pipelined } from './drive.js';
import { type Bench, type Workload, warmUp } from './workload.js';

const WRITERS = 256;
/** Where gets are promises: so many callers that await one after the other. */
const READERS = 16;
/** Gets in a row between two turns of the event loop, which is when the writers' answers come in. */
const SLICE = 64;
const SLICES_MAX = 1_000_000;

/** Readers on the thread that writes, too: what a get costs while the store is as busy as it gets, and how it slows writes. */
export const mixed: Workload = {
  name: 'mixed',
  about: `${WRITERS} renewals in flight beside gets on the same thread; get-alone is the same without renewals`,
  synced: false,
  async run(bench) {
    if (bench.subject.syncReads) await sliced(bench);
    else await promised(bench);
  },
};

async function sliced(bench: Bench): Promise<void> {
  await direct(bench.order, warmUp(bench), (at) => bench.subject.get(at));
  await getsBeside(bench, 0.5, true);
  const alone = await getsBeside(bench, 2, false);
  const busy = await getsBeside(bench, 3, true);
  bench.report('get-alone', alone.getNs, 'ns');
  bench.report('get', busy.getNs, 'ns');
  bench.report('get-ratio', busy.getNs / alone.getNs, '×');
  bench.report('get-rate', busy.getsPerSecond, 'op/s');
  bench.report('renew-rate', busy.renewalsPerSecond, 'op/s');
}

/** The median slice tells what a get costs, whatever else took the thread's core away. */
async function getsBeside(bench: Bench, seconds: number, writing: boolean) {
  const { subject, order } = bench;
  const mask = order.length - 1;
  const slices = new Float64Array(SLICES_MAX);
  const extent = bench.extent(SLICES_MAX, seconds);
  const startedMs = performance.now();
  const endMs = startedMs + extent.seconds * 1000;
  const forever = { operations: Number.MAX_SAFE_INTEGER, seconds: extent.seconds };
  const renewals = writing
    ? pipelined(WRITERS, 1, forever, (from) => subject.renew(order[from & mask]))
    : Promise.resolve(0);
  let done = 0;
  let at = order.length >> 1;
  for (let now = startedMs; now < endMs && done < SLICES_MAX; now = performance.now()) {
    const sliceMs = performance.now();
    for (let i = 0; i < SLICE; i++) subject.get(order[at++ & mask]);
    slices[done++] = performance.now() - sliceMs;
    await nextTurn();
  }
  const tookMs = performance.now() - startedMs;
  return {
    getNs: (rank(slices.slice(0, done).sort(), 0.5) * 1e6) / SLICE,
    getsPerSecond: ((done * SLICE) / tookMs) * 1000,
    renewalsPerSecond: await renewals,
  };
}

async function promised(bench: Bench): Promise<void> {
  const { subject, order } = bench;
  const mask = order.length - 1;
  const get = (from: number) => subject.get(order[from & mask]);
  const renew = (from: number) => subject.renew(order[(from + (order.length >> 1)) & mask]);
  await pipelined(READERS, 1, warmUp(bench, 1), get);
  const extent = { operations: Number.MAX_SAFE_INTEGER, seconds: bench.extent(1, 3).seconds };
  const [gets, renewals] = await Promise.all([
    pipelined(READERS, 1, extent, get),
    pipelined(WRITERS, 1, extent, renew),
  ]);
  bench.report('get-rate', gets, 'op/s');
  bench.report('renew-rate', renewals, 'op/s');
}
