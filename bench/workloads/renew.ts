import { awaited, pipelined, warmUp } from './drive.js';
import type { Bench, Workload } from './workload.js';

const IN_FLIGHT = 256;
const BATCH = 1000;
/** One batch is prepared while the other is on its way. */
const BATCHES_IN_FLIGHT = 2;

export const renewAwaited: Workload = {
  name: 'renew-1',
  about: 'random renewals, each awaited before the next',
  writes: true,
  async run(bench) {
    const renew = (at: number) => bench.subject.renew(at);
    await awaited(bench.order, warmUp(bench), renew);
    const latencies = await awaited(bench.order, bench.extent(500_000, 10), renew);
    bench.latencies('', latencies, { strip: true });
  },
};

export const renewPipelined: Workload = {
  name: 'renew-256',
  about: `random renewals, ${IN_FLIGHT} calls in flight`,
  writes: true,
  async run(bench) {
    const mask = bench.order.length - 1;
    const renew = (from: number) => bench.subject.renew(bench.order[from & mask]);
    await pipelined(IN_FLIGHT, 1, warmUp(bench), renew);
    bench.report('rate', await pipelined(IN_FLIGHT, 1, bench.extent(4_000_000, 6), renew), 'op/s');
  },
};

export const renewBatched: Workload = {
  name: 'renew-batch',
  about: `random renewals, ${BATCH} a call, ${BATCHES_IN_FLIGHT} calls in flight`,
  writes: true,
  async run(bench) {
    await batches(bench, warmUp(bench));
    bench.report('rate', await batches(bench, bench.extent(8_000_000, 6)), 'op/s');
  },
};

function batches(bench: Bench, extent: { readonly operations: number; readonly seconds: number }): Promise<number> {
  const { subject, order } = bench;
  // Where the order ends a batch begins anew: it is never cut in two.
  const places = order.length - BATCH;
  return pipelined(BATCHES_IN_FLIGHT, BATCH, extent, (from) => {
    const at = from % places;
    return subject.renewMany(order, at, at + BATCH);
  });
}
