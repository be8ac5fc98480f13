import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Latencies } from '../latency.js';
import { awaited } from './drive.js';
import { type Workload, warmUp } from './workload.js';

const SETTLE_MS = 1000;
const FIRST_CALLS = 100;
const PAUSE_MS = 50;

/** What a store costs that nobody calls, and how fast it is when somebody does again. */
export const idle: Workload = {
  name: 'idle',
  about: `share of a core that nobody's calls take; then a renewal after every ${PAUSE_MS} ms of nothing`,
  synced: false,
  async run(bench) {
    const { subject, order } = bench;
    const { seconds, operations } = bench.extent(FIRST_CALLS, 5);
    await awaited(order, warmUp(bench), (at) => subject.renew(at));
    await sleep(SETTLE_MS * Math.min(1, bench.job.length * 5));
    const before = process.cpuUsage();
    const startedMs = performance.now();
    await sleep(seconds * 1000);
    const { user, system } = process.cpuUsage(before);
    bench.report('cpu', ((user + system) / 1000 / (performance.now() - startedMs)) * 100, '% of a core');
    const latencies = new Latencies(operations);
    for (let i = 0; i < operations; i++) {
      await sleep(PAUSE_MS);
      const started = performance.now();
      await subject.renew(order[i]);
      latencies.add(started, performance.now());
    }
    bench.part('first-call').latencies(latencies);
  },
};
