import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Latencies } from '../latency.js';
import { awaited, placing } from './drive.js';
import { type Bench, type Workload, warmUp } from './workload.js';

const PER_SECOND = [1000, 10_000];

/**
 * Renewals at even distances, each awaited, as of a service that is busy with other things: its event loop turns all the
 * while. The profiles' pace is another one: their calls come in bursts, with range queries among them, out of sleep.
 */
export const renewEvenly: Workload = {
  name: 'renew-even',
  about: `random renewals at even distances, ${PER_SECOND.map((rate) => rate.toLocaleString('en')).join(' and ')} a second, each awaited, on an event loop that turns meanwhile`,
  synced: false,
  async run(bench) {
    await awaited(bench.order, warmUp(bench), (at) => bench.subject.renew(at));
    for (const perSecond of PER_SECOND) {
      const { seconds } = bench.extent(1, 6);
      await evenly(bench, perSecond, Math.min(1, seconds));
      const cpu = process.cpuUsage();
      const startedMs = performance.now();
      const latencies = await evenly(bench, perSecond, seconds);
      const { user, system } = process.cpuUsage(cpu);
      const part = bench.part(String(perSecond));
      part.latencies(latencies);
      part.report('cpu', ((user + system) / 1000 / (performance.now() - startedMs)) * 100, '% of a core');
    }
  },
};

async function evenly({ subject, order, receive }: Bench, perSecond: number, seconds: number): Promise<Latencies> {
  const operations = Math.ceil(perSecond * seconds);
  const latencies = new Latencies(operations);
  const next = placing(order, receive);
  const beganMs = performance.now();
  for (let i = 0; i < operations; i++) {
    const at = next(i);
    const dueMs = beganMs + (i / perSecond) * 1000;
    do await nextTurn();
    while (performance.now() < dueMs);
    const startedMs = performance.now();
    await subject.renew(at);
    latencies.add(startedMs, performance.now());
  }
  return latencies;
}
