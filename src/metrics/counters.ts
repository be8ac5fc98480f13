import {
  type Counter,
  COUNTERS,
  counterIndex,
  HISTOGRAM_BUCKETS,
  type HistogramName,
  HISTOGRAMS,
  histogramIndex,
} from '../../native-layout/shard-control.js';
import type { Control } from '../memory/control.js';
import { bucketOf } from './histogram.js';

type Indices<K extends string> = { readonly [N in K]: number };

/** Where each counter lies; looked up once, so that counting is one add to shared memory. */
export const AT = Object.fromEntries(COUNTERS.map((name) => [name, counterIndex(name)])) as Indices<Counter>;
const HISTOGRAM_AT = Object.fromEntries(
  HISTOGRAMS.map((name) => [name, histogramIndex(name)]),
) as Indices<HistogramName>;

/** The shard's side of its metrics: it alone writes these cells, any thread reads them at any time. */
export class Counters {
  readonly #doubles: Float64Array;
  readonly #words: Uint32Array;

  constructor(control: Control) {
    this.#doubles = control.doubles;
    this.#words = control.words;
  }

  add(at: number, amount: number): void {
    this.#doubles[at] += amount;
  }

  set(at: number, value: number): void {
    this.#doubles[at] = value;
  }

  get(at: number): number {
    return this.#doubles[at];
  }

  record(histogram: HistogramName, value: number): void {
    this.#words[HISTOGRAM_AT[histogram] + bucketOf(value, HISTOGRAM_BUCKETS)]++;
  }
}
