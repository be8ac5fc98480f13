import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { CowBtreeStore, Lease } from '../../index.js';
import { Latencies } from './latency.js';
import { asReceived, pick, randomStream } from './workload.js';

type Store = CowBtreeStore<unknown>;

/** How long a measurement goes on: until it has seen so many operations, or for so long where they are slow. */
export interface Extent {
  readonly operations: number;
  readonly seconds: number;
}

/** Asked before each operation, whether there is to be another. */
function allowance({ operations, seconds }: Extent): () => boolean {
  const endMs = performance.now() + seconds * 1000;
  let left = operations;
  return () => left-- > 0 && performance.now() < endMs;
}

/** Awaited renewals, one in flight, the next as soon as one is back: "P50 / P95 / P99" in µs. */
export async function awaitedRenewals(store: Store, leases: readonly Lease[], extent: Extent): Promise<string> {
  const random = randomStream(2);
  const latencies = new Latencies(extent.operations);
  for (const more = allowance(extent); more(); ) {
    const grant = asReceived(pick(leases, random));
    const started = performance.now();
    await store.renew(grant);
    latencies.add(started);
  }
  return latencies.summary();
}

/** Renewals a second, as single calls, with so many of them in flight. */
export function pipelinedRenewals(
  store: Store,
  leases: readonly Lease[],
  inFlight: number,
  extent: Extent,
): Promise<number> {
  const random = randomStream(3);
  return perSecond(inFlight, extent, async () => {
    await store.renew(pick(leases, random));
    return 1;
  });
}

/** Renewals a second in `renewMany` of so many, two calls in flight. */
export function batchedRenewals(
  store: Store,
  leases: readonly Lease[],
  batch: number,
  extent: Extent,
): Promise<number> {
  const random = randomStream(4);
  const calls = { ...extent, operations: extent.operations / batch };
  return perSecond(2, calls, async () => {
    await store.renewMany(Array.from({ length: batch }, () => pick(leases, random)));
    return batch;
  });
}

/** Renewals a second by a node that renews all it holds in one call, in the order in which it was granted them. */
export function heartbeats(store: Store, node: string, extent: Extent): Promise<number> {
  // In the memory of a node they lie in that order, too.
  const held = [...store.range({ owner: node })].sort((a, b) => a.token - b.token).map(asReceived);
  return perSecond(1, { ...extent, operations: extent.operations / held.length }, async () => {
    await store.renewMany(held);
    return held.length;
  });
}

/** What `width` callers that each await one call after the other get done, a second. */
async function perSecond(width: number, extent: Extent, call: () => Promise<number>): Promise<number> {
  const more = allowance(extent);
  const started = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (more()) {
        const operations = await call();
        // Not `done += await …`, which reads `done` before the others have added theirs.
        done += operations;
      }
    }),
  );
  return (done / (performance.now() - started)) * 1000;
}

/** Gets of a random lease each, timed one by one: "P50 / P95 / P99" in µs. */
export async function gets(store: Store, leases: readonly Lease[], extent: Extent): Promise<string> {
  const random = randomStream(5);
  const latencies = new Latencies(extent.operations);
  let count = 0;
  for (const more = allowance(extent); more(); ) {
    const { key } = asReceived(pick(leases, random));
    const started = performance.now();
    store.get(key);
    latencies.add(started);
    if (++count % 10_000 === 0) await nextTurn();
  }
  return latencies.summary();
}

/** Share of one core that the process takes while nobody calls. */
export async function idleCpu(seconds: number): Promise<number> {
  const before = process.cpuUsage();
  const started = performance.now();
  await sleep(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - started);
}
