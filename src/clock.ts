import { performance } from 'node:perf_hooks';

/**
 * Time as holdfast sees it. `monotonicMs` counts on one line for all threads of the process; `wallMs` is what the
 * machine believes the time is, and may jump.
 */
export interface Clock {
  monotonicMs(): number;
  wallMs(): number;
}

/**
 * The machine's clocks. `performance.now()` counts from each thread's own start, so it is moved once onto the
 * process-wide line of `hrtime`, which is too slow to ask for every operation.
 */
export function systemClock(): Clock {
  const offsetMs = distanceMs(
    () => Number(process.hrtime.bigint()) / 1e6,
    () => performance.now(),
  );
  return {
    monotonicMs: () => performance.now() + offsetMs,
    wallMs: () => Date.now(),
  };
}

const COMPARISONS = 8;

/**
 * How far one clock is ahead of another that counts as fast. A thread may lose its core between the two looks, so the
 * closest of some comparisons counts: threads that disagree about the time would disagree about which leases live.
 */
export function distanceMs(aheadMs: () => number, behindMs: () => number): number {
  let closestMs = Number.POSITIVE_INFINITY;
  let distance = 0;
  for (let i = 0; i < COMPARISONS; i++) {
    const before = aheadMs();
    const between = behindMs();
    const after = aheadMs();
    if (after - before >= closestMs) continue;
    closestMs = after - before;
    distance = (before + after) / 2 - between;
  }
  return distance;
}

/** Where store time stood at one moment of the monotonic line; handed to every thread of a store. */
export interface TimeBase {
  readonly storeMs: number;
  readonly monotonicMs: number;
}

/** Store time: set once at open, then advanced by the monotonic clock alone, so that a stepped wall clock moves no deadline. */
export class StoreTime {
  readonly #clock: Clock;
  readonly #offsetMs: number;

  constructor(clock: Clock, base: TimeBase) {
    this.#clock = clock;
    this.#offsetMs = base.storeMs - base.monotonicMs;
  }

  /** Milliseconds since the epoch, with a fraction. */
  nowMs(): number {
    return this.#clock.monotonicMs() + this.#offsetMs;
  }
}
