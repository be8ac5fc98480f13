import { performance } from 'node:perf_hooks';
import type { CowBtreeStore } from '../../index.js';
import type { Acknowledgements } from './acknowledgements.js';
import { actor, nodeOf, TTL_MS } from './workload.js';

export const LOAD_BATCH = 2000;
/** One batch is prepared while the shards work on the other. */
const BATCHES_UNDER_WAY = 2;

/** Acquires so many leases, notes what was acknowledged, and makes a checkpoint; answers leases a second. */
export async function load(
  store: CowBtreeStore<unknown>,
  seed: number,
  leases: number,
  acknowledged: Acknowledgements,
  onProgress: (loaded: number) => void,
): Promise<number> {
  const started = performance.now();
  let next = 0;
  let loaded = 0;
  const work = async () => {
    while (next < leases) {
      const from = next;
      next = Math.min(leases, next + LOAD_BATCH);
      await loadBatch(store, seed, from, next, acknowledged);
      loaded += LOAD_BATCH;
      onProgress(Math.min(loaded, leases));
    }
  };
  await Promise.all(Array.from({ length: BATCHES_UNDER_WAY }, work));
  await store.checkpoint();
  return (leases / (performance.now() - started)) * 1000;
}

async function loadBatch(
  store: CowBtreeStore<unknown>,
  seed: number,
  from: number,
  to: number,
  acknowledged: Acknowledgements,
): Promise<void> {
  const requests = Array.from({ length: to - from }, (_, i) => ({
    key: actor(seed, from + i),
    owner: nodeOf(from + i),
    ttlMs: TTL_MS,
  }));
  const outcomes = await store.acquireMany(requests);
  outcomes.forEach((outcome, i) => {
    if (!outcome.ok) {
      const why = outcome.reason === 'failed' ? outcome.error.message : outcome.reason;
      throw new Error(`actor ${from + i} could not be loaded: ${why}`);
    }
    const { token, expiresAtMs, renewals } = outcome.lease;
    acknowledged.note({ index: from + i, token, expiresAtMs, renewals });
  });
}
