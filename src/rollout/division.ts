import { LeaseStoreError } from '../errors.js';
import type { ActorKey, Lease, LeaseRange } from '../lease.js';
import type { AsyncLeaseStore } from '../lease-store.js';
import { percentileOf } from './keys.js';
import { mergeLeases } from './lease-join.js';
import type { Sides } from './mirror.js';

/** Which of two stores answers for which keys. */
export class Division<V> implements Sides<V> {
  readonly primary: AsyncLeaseStore<V>;
  readonly secondary: AsyncLeaseStore<V>;
  /** Per cent of the keys, by hash, that the secondary serves. */
  moved: number;

  constructor(primary: AsyncLeaseStore<V>, secondary: AsyncLeaseStore<V>, moved: number) {
    this.primary = primary;
    this.secondary = secondary;
    this.moved = moved;
  }

  authority(key: ActorKey): AsyncLeaseStore<V> {
    return percentileOf(key) < this.moved ? this.secondary : this.primary;
  }

  copy(key: ActorKey): AsyncLeaseStore<V> {
    return percentileOf(key) < this.moved ? this.primary : this.secondary;
  }

  /** Whether another store would answer for the key if `percent` had moved. */
  changesAt(percent: number, key: ActorKey): boolean {
    const percentile = percentileOf(key);
    return percentile < percent !== percentile < this.moved;
  }

  /** The store that serves all keys, if one does. */
  get whole(): AsyncLeaseStore<V> | undefined {
    if (this.moved === 0) return this.primary;
    return this.moved === 100 ? this.secondary : undefined;
  }

  /** Throws `ERR_HOLDFAST_ENGINE_UNAVAILABLE` if none does. */
  wholeFor(what: string): AsyncLeaseStore<V> {
    if (this.whole !== undefined) return this.whole;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_ENGINE_UNAVAILABLE',
      `${what} needs one store that serves all keys, and ${this.moved} % have moved; move to 0 or 100 first`,
    );
  }

  /** The stores that serve any keys. */
  get serving(): AsyncLeaseStore<V>[] {
    return this.whole === undefined ? [this.primary, this.secondary] : [this.whole];
  }

  /** A range as the stores that its keys belong to hold it, in order. */
  async *merged(range: LeaseRange): AsyncGenerator<Lease<V>> {
    const { limit = Number.POSITIVE_INFINITY, ...unlimited } = range;
    if (limit === 0) return;
    const [left, right] = [this.primary.range(unlimited), this.secondary.range(unlimited)];
    let seen = 0;
    for await (const { lease, isLeft } of mergeLeases(left, right, range.reverse === true)) {
      if ((this.authority(lease.key) === this.primary) !== isLeft) continue;
      yield lease;
      if (++seen === limit) return;
    }
  }
}
