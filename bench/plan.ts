import type { Job } from './job.js';
import type { BenchOptions } from './options.js';
import { NEVER_SYNCED } from './subjects.js';
import { WORKLOADS } from './workloads/list.js';

/** A quick run's measurements are so long, as a share of full ones. */
const QUICK_LENGTH = 0.02;

/** Every process to run, in order. Runs are the outermost loop, so that a machine that drifts drifts for all. */
export function plan({ engines, only, leases, runs, seed, quick }: BenchOptions): Omit<Job, 'directory'>[] {
  const workloads = WORKLOADS.filter(({ name }) => only.includes(name));
  const writes = workloads.filter(({ writes }) => writes);
  const common = { leases, seed, length: quick ? QUICK_LENGTH : 1, options: {} };
  return Array.from({ length: runs }, (_, run) =>
    engines.flatMap((engine): Omit<Job, 'directory'>[] => {
      const written = { ...common, run, engine, durability: 'written' as const, workloads: names(workloads) };
      if (NEVER_SYNCED.includes(engine) || writes.length === 0) return [written];
      return [written, { ...written, durability: 'synced', workloads: names(writes) }];
    }),
  ).flat();
}

const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
