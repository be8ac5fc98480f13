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

/** A busy shard comes so far in some hours. */
const HALVED_AT = 2 ** 31;

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
    const first = HISTOGRAM_AT[histogram];
    if (++this.#words[first + bucketOf(value, HISTOGRAM_BUCKETS)] === HALVED_AT) this.#halve(first);
  }

  /** Before a bucket starts over from 0: half of all of them tells the same percentiles, and newer values weigh more. */
  #halve(first: number): void {
    for (let at = first; at < first + HISTOGRAM_BUCKETS; at++) this.#words[at] >>>= 1;
  }
}
