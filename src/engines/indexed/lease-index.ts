import SortedBTree from 'sorted-btree';
import { type ByteText, ownerKeyOf } from '../semantics/byte-text.js';
import type { LeaseRecord } from '../semantics/lease-record.js';
import type { Change } from '../semantics/rules.js';
import { Deadlines } from './deadlines.js';

// The package is CommonJS with a `default` of its own, which Node hands out as a property.
const BTree = SortedBTree.default;
export type Sorted<T> = SortedBTree.default<ByteText, T>;

/** Byte texts of ASCII compare as fast as anything; the library's own default would look at their types each time. */
const byBytes = (a: ByteText, b: ByteText): number => (a < b ? -1 : a > b ? 1 : 0);

/** Leases of one instant: point lookups and both orders. */
export interface LeaseView {
  get(key: ByteText): LeaseRecord | undefined;
  readonly leases: Sorted<LeaseRecord>;
  /** By owner, then key; nothing but the keys. */
  readonly owners: Sorted<true>;
}

/** All leases of a store in plain maps and sorted trees of one thread's heap. */
export class LeaseIndex implements LeaseView {
  readonly #byKey = new Map<ByteText, LeaseRecord>();
  readonly leases: Sorted<LeaseRecord> = new BTree(undefined, byBytes);
  readonly owners: Sorted<true> = new BTree(undefined, byBytes);
  readonly deadlines: Deadlines;

  constructor(nowMs: number) {
    this.deadlines = new Deadlines(nowMs);
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: ByteText): LeaseRecord | undefined {
    return this.#byKey.get(key);
  }

  /** Carries out a change; answers what the key held before, for {@link restore}. */
  apply(change: Change): LeaseRecord | undefined {
    const before = this.#byKey.get(change.key);
    this.#put(change.key, before, change.kind === 'remove' ? undefined : change.record);
    return before;
  }

  /** Puts a key back to what it held. */
  restore(key: ByteText, record: LeaseRecord | undefined): void {
    this.#put(key, this.#byKey.get(key), record);
  }

  /** The leases as they are now, whatever comes. Shares with the index what does not change. */
  freeze(): LeaseView {
    const leases = this.leases.clone();
    return { get: (key) => leases.get(key), leases, owners: this.owners.clone() };
  }

  /** Moves every deadline. */
  shift(deadlineOf: (record: LeaseRecord) => number): void {
    for (const [key, record] of this.#byKey) this.restore(key, { ...record, expiresAtMs: deadlineOf(record) });
  }

  #put(key: ByteText, before: LeaseRecord | undefined, record: LeaseRecord | undefined): void {
    if (before !== undefined && before.owner !== record?.owner) this.owners.delete(ownerKeyOf(before.owner, key));
    if (record === undefined) {
      this.#byKey.delete(key);
      this.leases.delete(key);
      this.deadlines.delete(key);
      return;
    }
    this.#byKey.set(key, record);
    this.leases.set(key, record);
    this.deadlines.set(key, record.expiresAtMs);
    if (before?.owner !== record.owner) this.owners.set(ownerKeyOf(record.owner, key), true);
  }
}
