import { arch, cpus, platform, release, totalmem } from 'node:os';
import type { Durability } from '../src/index.js';

/** When a subject's writes are acknowledged; `'none'` where nothing reaches a file. */
export type Level = Durability | 'none';

/** One figure of one run. */
export interface BenchRecord {
  readonly engine: string;
  readonly workload: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly durability: Level;
  /** Leases in the store while it was measured; 0 where there was none. */
  readonly leases: number;
  /** Number of the run that it comes from, from 0. */
  readonly run: number;
  /** What a sweep had set the option to that it is about. */
  readonly setting?: string;
}

/** A line to draw: latencies by share of operations (`curve`), or the worst one of each moment (`strip`). */
export interface Series {
  readonly engine: string;
  readonly workload: string;
  readonly kind: 'curve' | 'strip';
  readonly durability: Level;
  readonly leases: number;
  readonly run: number;
  readonly setting?: string;
  /** `curve`: share, µs. `strip`: ms since the start, µs. */
  readonly points: readonly (readonly [number, number])[];
}

/** A subject that took part, and how it was opened. */
export interface Participant {
  readonly engine: string;
  readonly durability: Level;
  readonly mode: string;
}

/** A subject or workload that did not, and why. */
export interface Absence {
  readonly engine: string;
  readonly workload?: string;
  readonly reason: string;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
}

/** Everything that one call of the bench found out. */
export interface BenchResult {
  readonly format: 1;
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly node: string;
  readonly commit: string;
  readonly seed: number;
  readonly leases: number;
  readonly runs: number;
  /** A quick run shows that everything works; its figures are too short to compare. */
  readonly quick: boolean;
  readonly sweep?: string;
  readonly participants: readonly Participant[];
  readonly absences: readonly Absence[];
  readonly records: readonly BenchRecord[];
  readonly series: readonly Series[];
}

/** One line a figure, so that two results can be compared as text. */
export function toJson({ records, series, ...head }: BenchResult): string {
  const lines = (list: readonly object[]) => list.map((one) => `\n  ${JSON.stringify(one)}`).join(',');
  const start = JSON.stringify(head, undefined, 1).slice(0, -2);
  return `${start},\n "records": [${lines(records)}\n ],\n "series": [${lines(series)}\n ]\n}\n`;
}

export function thisMachine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memoryBytes: totalmem(),
    system: `${platform()} ${release()} ${arch()}`,
  };
}
