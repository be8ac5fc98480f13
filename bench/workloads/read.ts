import { performance } from 'node:perf_hooks';
import { NODES, TYPES } from '../../src/cli/demo/workload.js';
import { awaited, direct, directRate, warmUp } from './drive.js';
import type { Bench, Workload } from './workload.js';

const PAGE = 100;

export const get: Workload = {
  name: 'get',
  about: 'random gets, each decoded; one at a time',
  writes: false,
  async run(bench) {
    const { subject, order } = bench;
    const call = (at: number) => subject.get(at);
    if (!subject.syncReads) {
      await awaited(order, warmUp(bench), call);
      bench.latencies('', await awaited(order, bench.extent(1_000_000, 6), call));
      return;
    }
    await direct(order, warmUp(bench), call);
    bench.latencies('', await direct(order, bench.extent(1_000_000, 6), call));
    bench.report('rate', await directRate(order, bench.extent(4_000_000, 4), call), 'op/s');
  },
};

export const scan: Workload = {
  name: 'scan-100',
  about: `${PAGE} leases of a type in key order from a random one on, each decoded`,
  writes: false,
  async run(bench) {
    const { subject, order } = bench;
    await rowsRate(bench, order, 20_000, 1, (at) => subject.scan(at, PAGE));
    bench.report('rate', await rowsRate(bench, order, 100_000, 4, (at) => subject.scan(at, PAGE)), 'row/s');
  },
};

export const wholeType: Workload = {
  name: 'type',
  about: 'every lease of a type, each decoded',
  writes: false,
  run: (bench) => whole(bench, (i) => bench.subject.all({ type: TYPES[i % TYPES.length] })),
};

export const wholeNode: Workload = {
  name: 'node',
  about: 'every lease of a node, of all types, each decoded',
  writes: false,
  run: (bench) => whole(bench, (i) => bench.subject.all({ owner: NODES[i % NODES.length] })),
};

export const count: Workload = {
  name: 'count',
  about: 'how many leases a type has',
  writes: false,
  async run(bench) {
    const { subject } = bench;
    const types = Uint32Array.from({ length: 1024 }, (_, i) => i % TYPES.length);
    const call = (at: number) => subject.count(TYPES[at]);
    await awaited(types, bench.extent(20_000, 1), call);
    bench.latencies('', await awaited(types, bench.extent(100_000, 3), call));
  },
};

async function whole(bench: Bench, ask: (i: number) => number | Promise<number>): Promise<void> {
  const places = Uint32Array.from({ length: 1024 }, (_, i) => i);
  await rowsRate(bench, places, 10, 1, ask);
  bench.report('rate', await rowsRate(bench, places, 100, 6, ask), 'row/s');
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
