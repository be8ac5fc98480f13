import { EXPIRES_AT, TICK_MS, TICK_NONE, tickOf, u53 } from '../../native-layout/lease-record.js';
import { Key } from '../key.js';
import type { LeaseTable } from '../table/lease-table.js';

/** Leaves that one slice looks into at most. */
const LEAVES_PER_SLICE = 8;

/**
 * Removes leases whose deadline has passed. Reads judge expiry by themselves, so this is housekeeping: it goes where
 * the bounds in the branches say that a deadline may have passed, removes what has, and raises the bounds behind it.
 * There is no timer per lease, no index by deadline and no scan.
 */
export class Sweep {
  readonly #table: LeaseTable;
  readonly #key = new Key();
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
   * Works on a few leaves. `expire` removes the lease of a key, if it still is overdue, and answers whether another
   * may follow in this group. Answers whether anything changed.
   */
  slice(nowMs: number, expire: (key: Key) => boolean): boolean {
    const { leases } = this.#table;
    const before = tickOf(nowMs);
    let changed = false;
    for (let i = 0; i < LEAVES_PER_SLICE; i++) {
      const leaf = leases.findDue(before);
      if (leaf === undefined) break;
      const overdue: Key[] = [];
      for (let slot = 0; slot < leaf.count; slot++) {
        if (u53(leaf.words, leaf.payloadAt(slot) + EXPIRES_AT) <= nowMs) overdue.push(leaf.readKey(slot, new Key()));
      }
      leaf.readKey(0, this.#key);
      changed = true;
      let more = true;
      for (const key of overdue) {
        more = expire(key);
        if (!more) break;
      }
      leases.raiseBound(this.#key);
      if (!more) break;
    }
    this.#dueMs = this.#boundMs();
    if (this.#dueMs > nowMs) {
      this.#caughtUpMs = nowMs;
      this.#dueMs = Math.max(this.#dueMs, nowMs + this.#intervalMs);
    }
    return changed;
  }

  #boundMs(): number {
    const tick = this.#table.leases.earliestTick;
    return tick === TICK_NONE ? Number.POSITIVE_INFINITY : (tick + 1) * TICK_MS;
  }
}
