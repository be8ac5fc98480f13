import type { Latencies } from '../latency.js';
import type { Subject } from '../subject.js';

/** How long a measurement goes on: so many operations, or so many seconds where they are slow. */
export interface Extent {
  readonly operations: number;
  readonly seconds: number;
}

/** What a workload has to work with: a loaded subject, held leases, and where to tell what it found. */
export interface Bench {
  readonly subject: Subject;
  /** Leases in the subject. */
  readonly leases: number;
  /** Places in the held sample, uniformly at random; a power of two of them. */
  readonly order: Uint32Array;
  readonly seed: number;
  /** A directory of the child's own, on the same disk as the subject's. */
  readonly scratch: string;
  /** The extent of a full run, cut down in a quick one. */
  extent(operations: number, seconds: number): Extent;
  report(metric: string, value: number, unit: string): void;
  /** P50, P95, P99, P99.9 and the worst, operations a second, a curve and, if asked, a strip. */
  latencies(prefix: string, latencies: Latencies, options?: { readonly strip?: boolean }): void;
  progress(text: string): void;
}

/** A workload on a subject that holds the leases already. */
export interface Workload {
  readonly name: string;
  /** One line for whoever reads the report. */
  readonly about: string;
  /** Whether its figures depend on when a write is acknowledged; otherwise it is not repeated for `'synced'`. */
  readonly writes: boolean;
  run(bench: Bench): Promise<void>;
}

/** Operations that make the compiler settle on the code of a path before it is measured. */
export const WARM_UP = 200_000;
