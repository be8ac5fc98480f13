import type { LeaseSnapshot } from '../../lease-store.js';
import type { ActorKey, CountOptions, Lease, LeaseRange, LeaseView } from '../../lease.js';
import type { ReadParts } from './parts.js';
import { HeldPins } from './pin-source.js';
import { Reads } from './reads.js';

/** One commit of each shard, held until it is closed or ousted. */
export class Snapshot<V> implements LeaseSnapshot<V> {
  readonly atMs: number;
  readonly #pins: HeldPins;
  readonly #reads: Reads<V>;

  constructor(parts: ReadParts<V>, maxAgeMs: number) {
    this.atMs = parts.nowMs();
    this.#pins = new HeldPins(parts, maxAgeMs, false);
    this.#reads = new Reads(parts, this.#pins, this.atMs);
  }

  get(key: ActorKey): Lease<V> | undefined {
    return this.#reads.get(key);
  }

  check(key: ActorKey, token: number): boolean {
    return this.#reads.check(key, token);
  }

  range(range?: LeaseRange): IterableIterator<Lease<V>> {
    return this.#reads.range(range);
  }

  forEach(range: LeaseRange, visit: (view: LeaseView<V>) => boolean | undefined | void): number {
    return this.#reads.forEach(range, visit);
  }

  count(range?: LeaseRange, options?: CountOptions): number {
    return this.#reads.count(range, options);
  }

  close(): void {
    this.#pins.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
