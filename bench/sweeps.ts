import type { Job } from './job.js';

/** One option of the default engine through the values that it can have. */
export interface Sweep {
  readonly workloads: readonly string[];
  readonly values: readonly (Partial<Pick<Job, 'durability' | 'options' | 'batch'>> & {
    readonly setting: string;
  })[];
}

const WRITES = ['renew-1', 'renew-256', 'renew-batch'];

export const SWEEPS: Readonly<Record<string, Sweep>> = {
  shards: {
    workloads: [...WRITES, 'get', 'scan-100', 'count'],
    values: [1, 2, 4, 8].map((shards) => ({ setting: `${shards}`, options: { shards } })),
  },
  'node-size': {
    workloads: [...WRITES, 'get', 'scan-100', 'count'],
    values: [2048, 4096, 8192, 16384].map((nodeBytes) => ({ setting: `${nodeBytes} B`, options: { nodeBytes } })),
  },
  'wait-strategy': {
    workloads: [...WRITES, 'renew-even', 'idle', 'paced'],
    values: ['adaptive', 'spin', 'park'].map((waitStrategy) => ({ setting: waitStrategy, options: { waitStrategy } })),
  },
  durability: {
    workloads: WRITES,
    values: (['written', 'synced'] as const).map((durability) => ({ setting: durability, durability })),
  },
  'batch-size': {
    workloads: ['renew-batch'],
    values: [1, 10, 100, 1000, 10_000, 100_000].map((batch) => ({ setting: `${batch}`, batch })),
  },
};
