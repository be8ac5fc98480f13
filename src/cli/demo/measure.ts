import { performance } from 'node:perf_hooks';
import type { CowBtreeStore } from '../../index.js';
import type { Lease } from '../../lease.js';
import type { WaitStrategy } from '../../options.js';
import { Latencies } from './latency.js';
import { actor, NODES, nodeOf, randomStream, TTL_MS, TYPES } from './workload.js';

type Store = CowBtreeStore<unknown>;

/** Awaited renewals, one in flight, as fast as they come back: µs. */
export async function awaitedRenewals(store: Store, leases: readonly Lease[], count: number): Promise<string> {
  const random = randomStream(2);
  const latencies = new Latencies(count);
  for (let i = 0; i < count; i++) {
    const lease = pick(leases, random);
    const started = performance.now();
    await store.renew(lease);
    latencies.add(started);
  }
  return latencies.summary();
}

/** Renewals a second with so many single calls in flight. */
export async function pipelinedRenewals(
  store: Store,
  leases: readonly Lease[],
  count: number,
  inFlight: number,
): Promise<number> {
  const random = randomStream(3);
  let left = count;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) await store.renew(pick(leases, random));
    }),
  );
  return (count / (performance.now() - started)) * 1000;
}

/** Renewals a second in `renewMany` of so many, two calls in flight. */
export async function batchedRenewals(
  store: Store,
  leases: readonly Lease[],
  count: number,
  batch: number,
): Promise<number> {
  const random = randomStream(4);
  let left = count;
  const started = performance.now();
  await Promise.all(
    [1, 2].map(async () => {
      while ((left -= batch) >= 0) await store.renewMany(Array.from({ length: batch }, () => pick(leases, random)));
    }),
  );
  return (count / (performance.now() - started)) * 1000;
}

/** Single gets, timed one by one; the time of taking the time is in it. */
export function gets(store: Store, leases: readonly Lease[], count: number): string {
  const random = randomStream(5);
  const latencies = new Latencies(count);
  for (let i = 0; i < count; i++) {
    const { key } = pick(leases, random);
    const started = performance.now();
    store.get(key);
    latencies.add(started);
  }
  return latencies.summary();
}

export interface Rows {
  readonly rows: number;
  readonly perSecond: number;
}

export function rows(store: Store, range: { type?: string; owner?: string }): Rows {
  const started = performance.now();
  let count = 0;
  for (const _ of store.range(range)) count++;
  return { rows: count, perSecond: (count / (performance.now() - started)) * 1000 };
}

/** Operations at a steady rate against a store of its own: latency, and what the waiting costs. */
export async function paced(
  open: (waitStrategy: WaitStrategy) => Promise<Store>,
  waitStrategy: WaitStrategy,
  perSecond: number,
  seconds: number,
): Promise<{ latency: string; cpu: number; mainThread: number }> {
  const store = await open(waitStrategy);
  try {
    const keys = Array.from({ length: 10_000 }, (_, i) => ({ key: actor(6, i), owner: nodeOf(i), ttlMs: TTL_MS }));
    const leases = (await store.acquireMany(keys)).flatMap((outcome) => (outcome.ok ? [outcome.lease] : []));
    const random = randomStream(7);
    const count = perSecond * seconds;
    const latencies = new Latencies(count);
    const cpu = process.cpuUsage();
    const busy = performance.eventLoopUtilization();
    const started = performance.now();
    const calls: Promise<void>[] = [];
    for (let sent = 0; sent < count; ) {
      const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * perSecond) + 1);
      for (; sent < due; sent++) calls.push(timed(store, pick(leases, random), latencies));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(calls);
    const wallMs = performance.now() - started;
    const { user, system } = process.cpuUsage(cpu);
    return {
      latency: latencies.summary(),
      cpu: (user + system) / 1000 / wallMs,
      mainThread: performance.eventLoopUtilization(busy).utilization,
    };
  } finally {
    await store.close();
  }
}

async function timed(store: Store, lease: Lease, latencies: Latencies): Promise<void> {
  const started = performance.now();
  await store.renew(lease);
  latencies.add(started);
}

/** Share of one core that the process takes while nobody calls. */
export async function idleCpu(seconds: number): Promise<number> {
  const before = process.cpuUsage();
  const started = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - started);
}

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)];
}

export const SOME_TYPE = TYPES[3];
export const SOME_NODE = NODES[1];
