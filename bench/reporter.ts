import { rank } from '../src/cli/demo/latency.js';
import { type Job, tellParent } from './job.js';
import type { Latencies } from './latency.js';
import type { Level } from './record.js';

/** How long a measurement goes on: so many operations, or so many seconds where they are slow. */
export interface Extent {
  readonly operations: number;
  readonly seconds: number;
}

const SHARES = [
  ['p50', 0.5],
  ['p95', 0.95],
  ['p99', 0.99],
  ['p99.9', 0.999],
  ['max', 1],
] as const;

/** Where a workload tells what it found; the parent process writes it down. */
export class Reporter {
  readonly job: Job;
  readonly workload: string;
  /** What the figures hold for; known once the subject is open. */
  level: Level;

  constructor(job: Job, workload: string, level: Level = 'none') {
    this.job = job;
    this.workload = workload;
    this.level = level;
  }

  /** For a part of the workload: `workload:part`. */
  part(name: string): Reporter {
    return new Reporter(this.job, `${this.workload}:${name}`, this.level);
  }

  /** The extent of a full run, cut down in a quick one. */
  extent(operations: number, seconds: number): Extent {
    const { length } = this.job;
    return { operations: Math.max(1, Math.ceil(operations * length)), seconds: seconds * length };
  }

  report(metric: string, value: number, unit: string): void {
    tellParent({ kind: 'record', record: { ...this.#place(), metric, value, unit } });
  }

  /** Percentiles, a curve and, if asked, a strip of the slowest of each moment. */
  latencies(latencies: Latencies, { strip = false } = {}): void {
    const sorted = latencies.sorted();
    if (sorted.length === 0) return;
    for (const [metric, share] of SHARES) this.report(metric, rank(sorted, share), 'us');
    // One run is enough to draw.
    if (this.job.run > 0) return;
    tellParent({ kind: 'series', series: { ...this.#place(), kind: 'curve', points: latencies.curve(sorted) } });
    if (strip) tellParent({ kind: 'series', series: { ...this.#place(), kind: 'strip', points: latencies.strip() } });
  }

  progress(text: string): void {
    tellParent({ kind: 'progress', text: `${this.workload} ${text}` });
  }

  #place() {
    const { engine, leases, run, setting } = this.job;
    const place = { engine, workload: this.workload, durability: this.level, leases, run };
    return setting === undefined ? place : { ...place, setting };
  }
}
