import { compareKeys } from '../../key.js';
import type { PinSource } from './pin-source.js';
import type { ShardScan } from './scan.js';

/** Merges the scans of all shards into one order. With one shard it is that shard's scan. */
export class MergedScan {
  readonly #scans: readonly ShardScan[];
  readonly #sign: number;
  readonly #pins: number[] = [];
  readonly #live: boolean[];
  #current: ShardScan | undefined;
  #started = false;

  constructor(scans: readonly ShardScan[], reverse: boolean) {
    this.#scans = scans;
    this.#sign = reverse ? -1 : 1;
    this.#live = scans.map(() => true);
  }

  /** Pins every shard for the calls to {@link next} that follow. */
  enter(source: PinSource): void {
    for (const { view, shard } of this.#scans) this.#pins[shard] = source.acquire(view, shard);
  }

  leave(source: PinSource): void {
    for (const { view, shard } of this.#scans) {
      const pin = this.#pins[shard];
      if (pin !== undefined) source.release(view, shard, pin);
    }
    this.#pins.length = 0;
  }

  /** The scan that stands on the next lease, or `undefined` behind the last. */
  next(): ShardScan | undefined {
    if (!this.#started) this.#advanceAll();
    else if (this.#current !== undefined) this.#advance(this.#current);
    this.#started = true;
    this.#current = this.#least();
    return this.#current;
  }

  pinOf(scan: ShardScan): number {
    return this.#pins[scan.shard];
  }

  #advanceAll(): void {
    for (const scan of this.#scans) this.#advance(scan);
  }

  #advance(scan: ShardScan): void {
    this.#live[scan.shard] = scan.next(this.#pins[scan.shard]);
  }

  #least(): ShardScan | undefined {
    if (this.#scans.length === 1) return this.#live[0] ? this.#scans[0] : undefined;
    let least: ShardScan | undefined;
    for (const scan of this.#scans) {
      if (!this.#live[scan.shard]) continue;
      if (least === undefined || this.#sign * compareKeys(scan.key, least.key) < 0) least = scan;
    }
    return least;
  }
}
