import { EXPIRES_AT, TICK_MS, TICK_NONE, tickOf, u53 } from '../../native-layout/lease-record.js';
import { Key } from '../key.js';
import { KeyRun } from '../tree/key-run.js';
import type { LeaseTable } from '../table/lease-table.js';
import type { Node } from '../tree/node.js';

/** Leases that one slice removes at most: they take some tens of microseconds, which every request of that time waits. */
const REMOVALS_PER_SLICE = 64;
/** Looking into a leaf costs as much as removing so many. */
const LOOK_COST = 8;

/**
 * Removes leases whose deadline has passed. Reads judge expiry by themselves, so this is housekeeping: it goes where
 * the bounds in the branches say that a deadline may have passed, removes what has, and raises the bounds behind it.
 * There is no timer per lease, no index by deadline and no scan.
 */
export class Sweep {
  readonly #table: LeaseTable;
  readonly #key = new Key();
  readonly #overdue = new KeyRun();
  readonly #intervalMs: number;
  /** When the sweep last caught up. */
  #caughtUpMs = Number.NEGATIVE_INFINITY;
  #dueMs: number;

  /** `intervalMs`: a sweep that has caught up rests for so long. */
  constructor(table: LeaseTable, intervalMs: number) {
    this.#table = table;
    this.#intervalMs = intervalMs;
    this.#dueMs = this.#boundMs();
  }

  /** Store time from which there may be something to remove. */
  get dueMs(): number {
    return this.#dueMs;
  }

  due(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }

  /** A lease now has this deadline. */
  expect(expiresAtMs: number): void {
    const due = Math.max((tickOf(expiresAtMs) + 1) * TICK_MS, this.#caughtUpMs + this.#intervalMs);
    if (due < this.#dueMs) this.#dueMs = due;
  }

  /** What the last slice did was dropped: tries again after a rest. */
  gaveUp(nowMs: number): void {
    this.#dueMs = Math.max(this.#boundMs(), nowMs + this.#intervalMs);
  }

  /**
   * Works on a few leaves. `room` says how many removals the group can take; `expire` removes the leases of keys that lie
   * in order, all overdue. Answers whether anything changed.
   */
  slice(nowMs: number, room: () => number, expire: (keys: KeyRun) => void): boolean {
    const before = tickOf(nowMs);
    let changed = false;
    for (let budget = REMOVALS_PER_SLICE; budget > 0; budget -= LOOK_COST + this.#overdue.length) {
      const removals = Math.min(budget, room());
      if (removals === 0) break;
      const leaf = this.#table.leases.findDue(before);
      if (leaf === undefined) break;
      this.#collect(leaf, nowMs, removals);
      leaf.readKey(0, this.#key);
      if (this.#overdue.length > 0) expire(this.#overdue);
      this.#table.leases.raiseBound(this.#key);
      changed = true;
    }
    this.#dueMs = this.#boundMs();
    if (this.#dueMs > nowMs) {
      this.#caughtUpMs = nowMs;
      this.#dueMs = Math.max(this.#dueMs, nowMs + this.#intervalMs);
    }
    return changed;
  }

  /** The first overdue keys of a leaf. */
  #collect(leaf: Node, nowMs: number, max: number): void {
    const overdue = this.#overdue.clear();
    for (let slot = 0; slot < leaf.count && overdue.length < max; slot++) {
      if (u53(leaf.words, leaf.payloadAt(slot) + EXPIRES_AT) <= nowMs) leaf.readKey(slot, overdue.add());
    }
  }

  #boundMs(): number {
    const tick = this.#table.leases.earliestTick;
    return tick === TICK_NONE ? Number.POSITIVE_INFINITY : (tick + 1) * TICK_MS;
  }
}
