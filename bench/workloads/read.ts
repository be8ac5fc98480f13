import { performance } from 'node:perf_hooks';
import { NODES, TYPES } from '../../src/cli/demo/workload.js';
import { awaited, direct, directRate } from './drive.js';
import { type Bench, type Workload, warmUp } from './workload.js';

const SCAN = 100;
const PAGE = 10;

/** Places for workloads that do not work on single leases. */
const NUMBERS = Uint32Array.from({ length: 1024 }, (_, i) => i);

export const get: Workload = {
  name: 'get',
  about:
    'random gets, each decoded, one at a time, with keys as a request brings them; the rate is without a clock around each',
  synced: false,
  async run(bench) {
    const { subject, order, receive } = bench;
    const call = (at: number) => subject.get(at);
    if (!subject.syncReads) {
      await awaited(order, warmUp(bench), call, receive);
      const latencies = await awaited(order, bench.extent(1_000_000, 5), call, receive);
      bench.latencies(latencies);
      return;
    }
    await direct(order, warmUp(bench), call, receive);
    bench.latencies(await direct(order, bench.extent(1_000_000, 3), call, receive));
    bench.report('rate', await directRate(order, bench.extent(4_000_000, 5), call, receive), 'op/s');
  },
};

export const scan: Workload = {
  name: `scan-${SCAN}`,
  about: `${SCAN} leases of a type in key order from a random one on, each decoded`,
  synced: false,
  async run(bench) {
    const { subject, order } = bench;
    await rowsRate(bench, order, 20_000, 1, (at) => subject.scan(at, SCAN));
    bench.report('rate', await rowsRate(bench, order, 200_000, 3, (at) => subject.scan(at, SCAN)), 'row/s');
  },
};

export const page: Workload = {
  name: 'page',
  about: `the first ${PAGE} leases of a range that starts anywhere, with bounds as a request brings them`,
  synced: false,
  async run(bench) {
    const { subject, order, receive } = bench;
    const call = (at: number) => subject.scan(at, PAGE);
    await awaited(order, warmUp(bench), call, receive);
    bench.latencies(await awaited(order, bench.extent(200_000, 2), call, receive));
  },
};

export const wholeType: Workload = {
  name: 'type',
  about: 'every lease of a type, each decoded',
  synced: false,
  run: (bench) => whole(bench, (i) => bench.subject.all({ type: TYPES[i % TYPES.length] })),
};

export const views: Workload = {
  name: 'views',
  about: 'every lease of a type, looked at in place: owner and deadline',
  synced: false,
  async run(bench) {
    const { visit } = bench.subject;
    if (visit !== undefined) await whole(bench, (i) => visit(TYPES[i % TYPES.length]));
  },
};

export const wholeNode: Workload = {
  name: 'node',
  about: 'every lease of a node, of all types, each decoded',
  synced: false,
  run: (bench) => whole(bench, (i) => bench.subject.all({ owner: NODES[i % NODES.length] })),
};

export const count: Workload = {
  name: 'count',
  about: 'how many leases a type has',
  synced: false,
  async run(bench) {
    const { subject } = bench;
    const call = (at: number) => subject.count(TYPES[at % TYPES.length]);
    await awaited(NUMBERS, warmUp(bench, 1), call);
    bench.latencies(await awaited(NUMBERS, bench.extent(100_000, 2), call));
  },
};

async function whole(bench: Bench, ask: (i: number) => number | Promise<number>): Promise<void> {
  await rowsRate(bench, NUMBERS, 100, 1, ask);
  bench.report('rate', await rowsRate(bench, NUMBERS, 1000, 3, ask), 'row/s');
}

/** Rows a second, one call after the other. */
async function rowsRate(
  bench: Bench,
  order: Uint32Array,
  calls: number,
  seconds: number,
  ask: (at: number) => number | Promise<number>,
): Promise<number> {
  const extent = bench.extent(calls, seconds);
  const startedMs = performance.now();
  const endMs = startedMs + extent.seconds * 1000;
  let rows = 0;
  for (let i = 0; i < extent.operations; i++) {
    rows += await ask(order[i & (order.length - 1)]);
    if (performance.now() >= endMs) break;
  }
  return (rows / (performance.now() - startedMs)) * 1000;
}
