import { performance } from 'node:perf_hooks';

const SHARES = [0.5, 0.95, 0.99];

/**
 * Latencies of single operations, in ns. What it costs to ask for the time twice is found out first, as the median of
 * many pairs with nothing between them, and taken off each.
 */
export class Latencies {
  readonly #ns: Float64Array;
  readonly #clockNs: number;
  #count = 0;

  constructor(capacity: number) {
    this.#ns = new Float64Array(capacity);
    this.#clockNs = clockCostNs();
  }

  /** The operation that began at `startedMs` (of `performance.now()`) is over. */
  add(startedMs: number): void {
    const ns = (performance.now() - startedMs) * 1e6 - this.#clockNs;
    if (this.#count < this.#ns.length) this.#ns[this.#count++] = Math.max(0, ns);
  }

  /** "P50 / P95 / P99" in µs. */
  summary(): string {
    const sorted = this.#ns.slice(0, this.#count).sort();
    return SHARES.map((share) => (rank(sorted, share) / 1000).toFixed(1)).join(' / ');
  }
}

/** The smallest value that a share of all values does not exceed. */
export function rank(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

function clockCostNs(): number {
  const pairs = Float64Array.from({ length: 1001 }, () => {
    const started = performance.now();
    return (performance.now() - started) * 1e6;
  });
  return rank(pairs.sort(), 0.5);
}
