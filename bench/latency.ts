import { performance } from 'node:perf_hooks';
import { rank } from '../src/cli/demo/latency.js';

/** Where a percentile curve has its points: denser towards the end, where stalls show. */
const SHARES = [
  0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99,
  0.9925, 0.995, 0.9975, 0.999, 0.9995, 0.9999, 1,
];
const STRIP_POINTS = 240;

/** Latencies of single operations in the order in which they ended. The clock's own cost is in them, and stated apart. */
export class Latencies {
  readonly #startedMs: Float64Array;
  readonly #us: Float64Array;
  count = 0;

  constructor(capacity: number) {
    this.#startedMs = new Float64Array(capacity);
    this.#us = new Float64Array(capacity);
  }

  get isFull(): boolean {
    return this.count >= this.#us.length;
  }

  /** Both of `performance.now()`. */
  add(startedMs: number, endedMs: number): void {
    const at = this.count;
    if (at >= this.#us.length) return;
    this.#startedMs[at] = startedMs;
    this.#us[at] = (endedMs - startedMs) * 1000;
    this.count = at + 1;
  }

  /** µs, ascending. */
  sorted(): Float64Array {
    return this.#us.slice(0, this.count).sort();
  }

  /** Share of operations, µs. */
  curve(sorted: Float64Array = this.sorted()): [number, number][] {
    return sorted.length === 0 ? [] : SHARES.map((share) => [share, drawn(rank(sorted, share))]);
  }

  /** The slowest operation of each moment: ms since the first began, µs. */
  strip(): [number, number][] {
    if (this.count === 0) return [];
    const from = this.#startedMs[0];
    const length = Math.max(1e-6, this.#startedMs[this.count - 1] - from);
    const worst = new Float64Array(STRIP_POINTS);
    for (let i = 0; i < this.count; i++) {
      const at = Math.min(STRIP_POINTS - 1, Math.floor(((this.#startedMs[i] - from) / length) * STRIP_POINTS));
      if (this.#us[i] > worst[at]) worst[at] = this.#us[i];
    }
    return Array.from(worst, (us, i) => [drawn(((i + 0.5) / STRIP_POINTS) * length), drawn(us)]);
  }
}

/** As exact as a line can be drawn. */
const drawn = (value: number) => Number(value.toPrecision(4));

/** What it costs to ask for the time twice, in ns: the median of many pairs with nothing between them. */
export function clockCostNs(): number {
  const pairs = Float64Array.from({ length: 20_001 }, () => {
    const started = performance.now();
    return (performance.now() - started) * 1e6;
  });
  return rank(pairs.subarray(10_000).sort(), 0.5);
}
