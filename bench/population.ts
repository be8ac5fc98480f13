import { actor, randomStream } from '../src/cli/demo/workload.js';
import type { Sample, Subject } from './subject.js';

/** In larger stores a random choice of so many leases is worked on; their keys are made before anything is timed. */
const SAMPLE_MAX = 1_000_000;
const LOAD_BATCH = 2000;
const BATCHES_UNDER_WAY = 2;
const ORDER_LENGTH = 2 ** 20;

/** Grants all leases to a subject. The batches' keys are made on the way: for every subject alike. */
export async function load(
  subject: Subject,
  leases: number,
  ttlMs: number,
  onProgress: (loaded: number) => void,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < leases) {
      const from = next;
      next = Math.min(leases, next + LOAD_BATCH);
      await subject.load(from, next, ttlMs);
      onProgress(next);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_UNDER_WAY }, work));
}

/** The leases to work on. */
export function sampleOf(seed: number, leases: number): Sample {
  const random = randomStream(seed + 7);
  const size = Math.min(leases, SAMPLE_MAX);
  const actors = Uint32Array.from({ length: size }, (_, i) => (size === leases ? i : Math.floor(random() * leases)));
  return { actors, keys: Array.from(actors, (index) => actor(seed, index)) };
}

/** Places in a sample of this size, uniformly at random; their number is a power of two. */
export function randomOrder(seed: number, size: number): Uint32Array {
  const random = randomStream(seed + 8);
  return Uint32Array.from({ length: ORDER_LENGTH }, () => Math.floor(random() * size));
}
