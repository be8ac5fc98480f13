import type { BenchRecord, Level } from '../record.js';

export interface Median {
  readonly engine: string;
  readonly workload: string;
  readonly metric: string;
  readonly unit: string;
  readonly durability: Level;
  readonly leases: number;
  readonly setting: string | undefined;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** One entry for all runs of a figure, in the order in which the figures first came. */
export function medians(records: readonly BenchRecord[]): Median[] {
  const groups = new Map<string, BenchRecord[]>();
  for (const record of records) {
    const { engine, workload, metric, durability, leases, setting } = record;
    const name = JSON.stringify([engine, workload, metric, durability, leases, setting]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [record]);
    else group.push(record);
  }
  return [...groups.values()].map((group) => {
    const { engine, workload, metric, unit, durability, leases, setting } = group[0];
    const values = group.map(({ value }) => value).sort((a, b) => a - b);
    const place = { engine, workload, metric, unit, durability, leases, setting };
    return { ...place, value: middle(values), min: values[0], max: values[values.length - 1], runs: values.length };
  });
}

function middle(sorted: readonly number[]): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
