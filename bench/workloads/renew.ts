import { performance } from 'node:perf_hooks';
import type { Extent } from '../reporter.js';
import { NODES } from '../../src/cli/demo/workload.js';
import { awaited, pipelined } from './drive.js';
import { type Bench, type Workload, warmUp } from './workload.js';

const IN_FLIGHT = 256;
const BATCH_DEFAULT = 1000;
/** One batch is prepared while the other is on its way. */
const BATCHES_IN_FLIGHT = 2;

export const renewAwaited: Workload = {
  name: 'renew-1',
  about: 'random renewals, each awaited before the next, with keys as a request brings them',
  synced: true,
  async run(bench) {
    const renew = (at: number) => bench.subject.renew(at);
    const { order, receive } = bench;
    await awaited(order, warmUp(bench), renew, receive);
    bench.latencies(await awaited(order, bench.extent(1_000_000, 6), renew, receive), { strip: true });
  },
};

export const renewPipelined: Workload = {
  name: 'renew-256',
  about: `random renewals, ${IN_FLIGHT} calls in flight`,
  synced: true,
  async run(bench) {
    const mask = bench.order.length - 1;
    const renew = (from: number) => bench.subject.renew(bench.order[from & mask]);
    await pipelined(IN_FLIGHT, 1, warmUp(bench), renew);
    bench.report('rate', await pipelined(IN_FLIGHT, 1, bench.extent(4_000_000, 4), renew), 'op/s');
  },
};

export const renewBatched: Workload = {
  name: 'renew-batch',
  about: `random renewals, ${BATCH_DEFAULT.toLocaleString('en')} a call, ${BATCHES_IN_FLIGHT} calls in flight`,
  synced: true,
  async run(bench) {
    await batches(bench, warmUp(bench));
    bench.report('rate', await batches(bench, bench.extent(8_000_000, 4)), 'op/s');
  },
};

export const renewNode: Workload = {
  name: 'renew-node',
  about: 'every lease of a node in one call, as it renews what it holds with each heartbeat; the nodes take turns',
  synced: true,
  async run(bench) {
    const nodes = NODES.map((node) => bench.placesOf(node));
    await heartbeats(bench, nodes, warmUp(bench));
    bench.report('rate', await heartbeats(bench, nodes, bench.extent(8_000_000, 4)), 'op/s');
  },
};

/** Renewals a second. */
async function heartbeats({ subject }: Bench, nodes: readonly Uint32Array[], extent: Extent): Promise<number> {
  const startedMs = performance.now();
  const endMs = startedMs + extent.seconds * 1000;
  let done = 0;
  for (let beat = 0; done < extent.operations && performance.now() < endMs; beat++) {
    const places = nodes[beat % nodes.length];
    await subject.renewMany(places, 0, places.length);
    done += places.length;
  }
  return (done / (performance.now() - startedMs)) * 1000;
}

function batches(bench: Bench, extent: Extent): Promise<number> {
  const { subject, order, job } = bench;
  const batch = job.batch ?? BATCH_DEFAULT;
  // Where the order ends a batch begins anew: it is never cut in two.
  const places = order.length - batch;
  return pipelined(BATCHES_IN_FLIGHT, batch, extent, (from) => {
    const at = from % places;
    return subject.renewMany(order, at, at + batch);
  });
}
