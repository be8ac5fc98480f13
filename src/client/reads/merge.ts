import { compareKeys } from '../../key.js';
import type { PinSource } from './pin-source.js';
import type { ShardScan } from './scan.js';

/** Merges the scans of all shards into one order, by a heap of scans whose root stands on the next lease. */
export class MergedScan {
  readonly #scans: readonly ShardScan[];
  readonly #reverse: boolean;
  readonly #pins: number[] = [];
  readonly #heap: ShardScan[] = [];
  #started = false;

  constructor(scans: readonly ShardScan[], reverse: boolean) {
    this.#scans = scans;
    this.#reverse = reverse;
  }

  /** Pins every shard for the calls to {@link next} that follow, which see the same commits each time. */
  enter(source: PinSource): void {
    for (const { view, shard } of this.#scans) this.#pins.push(source.acquire(view, shard));
  }

  /** Lets go of as many shards as were entered. */
  leave(source: PinSource): void {
    for (const [shard, pin] of this.#pins.entries()) source.release(this.#scans[shard].view, shard, pin);
    this.#pins.length = 0;
  }

  /** The scan that stands on the next lease, or `undefined` behind the last. */
  next(): ShardScan | undefined {
    const heap = this.#heap;
    if (!this.#started) this.#start();
    else if (heap.length > 0) {
      if (!this.#advance(heap[0])) {
        const last = heap.pop() as ShardScan;
        if (heap.length > 0) heap[0] = last;
      }
      this.#siftDown(0);
    }
    return heap[0];
  }

  #start(): void {
    this.#started = true;
    for (const scan of this.#scans) if (this.#advance(scan)) this.#heap.push(scan);
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#siftDown(i);
  }

  #advance(scan: ShardScan): boolean {
    return scan.next(this.#pins[scan.shard]);
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    const { length } = heap;
    let at = from;
    for (;;) {
      let first = at;
      const left = 2 * at + 1;
      if (left < length && this.#isBefore(heap[left], heap[first])) first = left;
      if (left + 1 < length && this.#isBefore(heap[left + 1], heap[first])) first = left + 1;
      if (first === at) return;
      const moved = heap[at];
      heap[at] = heap[first];
      heap[first] = moved;
      at = first;
    }
  }

  #isBefore(a: ShardScan, b: ShardScan): boolean {
    const order = compareKeys(a.key, b.key);
    return this.#reverse ? order > 0 : order < 0;
  }
}
