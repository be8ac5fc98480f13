import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { actor, nodeOf, TTL_MS } from '../../src/cli/demo/workload.js';
import type { ActorKey, Grant, Lease, LeaseStore } from '../../src/index.js';
import { EngineSubject, isSync } from '../engine-subject.js';
import { Latencies } from '../latency.js';
import { type SoloWorkload, warmUp } from './workload.js';

const SURVIVORS = 10_000;
const BATCH = 2000;
/** How long importing is given before the deadline, as ms per lease. */
const IMPORT_MS = 0.05;
const GIVE_UP_MS = 60_000;

/** All leases of a large store but a few expire at one instant, while the others are renewed. */
export const expiry: SoloWorkload = {
  name: 'expiry',
  about: `every lease expires at once, ${SURVIVORS.toLocaleString('en')} others are renewed one by one meanwhile; swept: from the deadline until none is left`,
  suits: (engine) => ['cow-btree', 'memory', 'append-log', 'mmap-wal'].includes(engine),
  async run(bench) {
    const { seed, leases } = bench.job;
    const subject = await bench.open('expiry', 0);
    if (!(subject instanceof EngineSubject) || !isSync(subject.store)) return;
    const { store } = subject;
    const grants = await survivors(store, seed, leases);
    const warm = warmUp(bench);
    const warmEndMs = performance.now() + warm.seconds * 1000;
    const ignored = new Latencies(warm.operations);
    await renewUntil(store, grants, ignored, () => ignored.isFull || performance.now() > warmEndMs);
    const deadlineMs = Date.now() + 2000 + leases * IMPORT_MS;
    bench.progress('imports');
    await store.import(doomed(seed, leases, deadlineMs));
    const left = deadlineMs - Date.now();
    if (left <= 0) throw new Error(`importing took ${-left} ms longer than the leases lived`);

    const before = new Latencies(1_000_000);
    await renewUntil(store, grants, before, () => Date.now() >= deadlineMs);
    bench.part('before').latencies(before);
    const during = new Latencies(2_000_000);
    const startedMs = performance.now();
    let sweptMs = Number.NaN;
    await renewUntil(store, grants, during, () => {
      const now = performance.now();
      if (store.count() === grants.length) sweptMs = now - startedMs;
      return !Number.isNaN(sweptMs) || now - startedMs > GIVE_UP_MS;
    });
    bench.part('during').latencies(during, { strip: true });
    if (Number.isNaN(sweptMs)) throw new Error(`not swept within ${GIVE_UP_MS} ms`);
    bench.report('swept', sweptMs, 'ms');
    await subject.close();
  },
};

async function survivors(store: LeaseStore, seed: number, from: number): Promise<Grant[]> {
  const grants: Grant[] = [];
  for (let at = from; at < from + SURVIVORS; at += BATCH) {
    const requests = Array.from({ length: BATCH }, (_, i) => ({
      key: actor(seed, at + i),
      owner: nodeOf(at + i),
      ttlMs: TTL_MS,
    }));
    for (const outcome of await store.acquireMany(requests)) if (outcome.ok) grants.push(outcome.lease);
  }
  return grants;
}

function* doomed(seed: number, leases: number, expiresAtMs: number): Generator<Lease> {
  const acquiredAtMs = Date.now();
  for (let i = 0; i < leases; i++) {
    const key: ActorKey = actor(seed, i);
    const token = acquiredAtMs * 1000 + i;
    yield { key, owner: nodeOf(i), token, acquiredAtMs, expiresAtMs, ttlMs: TTL_MS, renewals: 0 };
  }
}

const LOOK_EVERY = 64;

async function renewUntil(
  store: LeaseStore,
  grants: readonly Grant[],
  latencies: Latencies,
  isOver: () => boolean,
): Promise<void> {
  for (let i = 0; i % LOOK_EVERY !== 0 || !isOver(); i++) {
    const startedMs = performance.now();
    await store.renew(grants[(i * 7919) % grants.length]);
    latencies.add(startedMs, performance.now());
    // An engine that answers without leaving the event loop would keep its own sweep waiting.
    if (i % 1024 === 1023) await nextTurn();
  }
}
