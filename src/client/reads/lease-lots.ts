import type { Lease } from '../../lease.js';
import { decodeLease } from './decoder.js';
import type { Lots } from './lot-iterator.js';
import type { MergedScan } from './merge.js';
import type { ReadParts } from './parts.js';
import { HeldPins, type PinSource } from './pin-source.js';

/** An iterator that is not gone on with for so long may lose its place. */
const ITERATOR_AGE_MS = 60_000;

/** The leases of a scan, decoded a lot at a time. In between, nobody stands on the commits but pins that rest. */
export class LeaseLots<V> implements Lots<Lease<V>> {
  readonly #parts: ReadParts<V>;
  readonly #source: PinSource;
  readonly #outlast: boolean;
  readonly #begin: () => MergedScan;
  #scan: MergedScan | undefined;
  #own: HeldPins | undefined;

  /**
   * `begin` is called for the first lot. `outlast`: whether the commits that it is made of must outlast it, though
   * `source` does not hold them.
   */
  constructor(parts: ReadParts<V>, source: PinSource, outlast: boolean, begin: () => MergedScan) {
    this.#parts = parts;
    this.#source = source;
    this.#outlast = outlast;
    this.#begin = begin;
  }

  take(most: number): Lease<V>[] {
    const { codec } = this.#parts;
    if (this.#scan === undefined) {
      this.#scan = this.#begin();
      if (this.#outlast) this.#own = new HeldPins(this.#parts, ITERATOR_AGE_MS, true);
    }
    const merged = this.#scan;
    const source = this.#own ?? this.#source;
    const lot: Lease<V>[] = [];
    try {
      merged.enter(source);
      while (lot.length < most) {
        const scan = merged.next();
        if (scan === undefined) break;
        lot.push(decodeLease(scan.leaf, scan.slot, scan.type, scan.id, scan.owner, codec));
      }
    } finally {
      merged.leave(source);
    }
    return lot;
  }

  close(): void {
    this.#own?.close();
  }
}
