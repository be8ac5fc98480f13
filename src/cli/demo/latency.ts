import { performance } from 'node:perf_hooks';

/** Latencies of single operations, in microseconds. */
export class Latencies {
  readonly #us: Float64Array;
  #count = 0;

  constructor(capacity: number) {
    this.#us = new Float64Array(capacity);
  }

  add(startedMs: number): void {
    if (this.#count < this.#us.length) this.#us[this.#count++] = (performance.now() - startedMs) * 1000;
  }

  /** "P50 / P95 / P99" in microseconds. */
  summary(): string {
    const sorted = this.#us.slice(0, this.#count).sort();
    return [0.5, 0.95, 0.99].map((share) => at(sorted, share).toFixed(1)).join(' / ');
  }
}

function at(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
