import type { ByteText } from '../semantics/byte-text.js';

const TICK_MS = 1000;

/**
 * Which leases to look at when: a wheel of seconds. A lease stands at or before the second of its deadline; a renewal,
 * which moves the deadline back, leaves it where it is, and the sweep that finds it alive moves it on. So the most
 * frequent write costs the wheel nothing.
 */
export class Deadlines {
  readonly #keysAt = new Map<number, Set<ByteText>>();
  readonly #tickOf = new Map<ByteText, number>();
  /** Every second before this one has been looked at. */
  #next: number;

  constructor(nowMs: number) {
    this.#next = Math.floor(nowMs / TICK_MS);
  }

  /** The key's deadline is now this one. */
  set(key: ByteText, expiresAtMs: number): void {
    const tick = Math.max(Math.floor(expiresAtMs / TICK_MS), this.#next);
    const before = this.#tickOf.get(key);
    if (before !== undefined) {
      if (before <= tick) return;
      this.delete(key);
    }
    this.#tickOf.set(key, tick);
    const keys = this.#keysAt.get(tick);
    if (keys === undefined) this.#keysAt.set(tick, new Set([key]));
    else keys.add(key);
  }

  delete(key: ByteText): void {
    const tick = this.#tickOf.get(key);
    if (tick === undefined) return;
    this.#tickOf.delete(key);
    const keys = this.#keysAt.get(tick);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysAt.delete(tick);
  }

  /** Takes out up to `max` keys whose deadline may have passed. The caller puts back those that live on. */
  take(nowMs: number, max: number): ByteText[] {
    const taken: ByteText[] = [];
    for (const tick of this.#passed(Math.floor(nowMs / TICK_MS))) {
      for (const key of this.#keysAt.get(tick) ?? []) {
        if (taken.length === max) return taken;
        taken.push(key);
        this.delete(key);
      }
      this.#next = Math.max(this.#next, tick + 1);
    }
    return taken;
  }

  /** The seconds before `now` at which keys stand, in order. */
  #passed(now: number): number[] {
    // After a long sleep there are more seconds to look through than keys.
    if (now - this.#next > this.#keysAt.size) {
      return [...this.#keysAt.keys()].filter((tick) => tick < now).sort((a, b) => a - b);
    }
    const ticks: number[] = [];
    for (let tick = this.#next; tick < now; tick++) if (this.#keysAt.has(tick)) ticks.push(tick);
    return ticks;
  }
}
