import type { ClientBell } from '../mailbox/client-bell.js';

/** So long after the last completion the client polls; then it waits to be woken. Longer than a synced write takes. */
const POLL_MS = 1;
/**
 * A shard that was woken is awake after so long, unless it waits for the very core that this thread polls on: systems like
 * to wake a thread where its waker runs, on virtual machines above all, and let it wait for the end of a time slice.
 */
const WAKE_MS = 0.05;
/** A look that does not let go of the thread lasts at most so long: a few times what a written commit takes. */
const SPIN_MS = 0.03;
/** However fast answers come, and whatever is waited for, the event loop turns this often: timers and sockets get their share. */
const TURN_EVERY_MS = 0.25;
/** Looks at the rings between two looks at the clock. */
const LOOKS = 32;
/** A wait that nobody ends is looked at again after so long. */
const WAIT_MS = 1000;

export interface PumpParts {
  readonly bell: ClientBell;
  readonly monotonicMs: () => number;
  /** Hands out what the shards completed; whether there was anything. */
  readonly drain: () => boolean;
  /** Whether something waits to be drained. */
  readonly ready: () => boolean;
  /** Whether a shard that was woken still sleeps. */
  readonly waking: () => boolean;
  /** Whether anything is under way. */
  readonly busy: () => boolean;
  /** Whether there is a core on which a shard can answer while this thread spins. */
  readonly spins: boolean;
}

/**
 * Brings completions to their promises, the quickest way that pays:
 *
 * 1. Once the caller's own code has run, it looks at the rings for a moment without a turn of the event loop, whose
 *    bookkeeping costs three microseconds a turn: half of what an awaited renewal takes.
 * 2. While that does not help (a sync is slow), or the event loop has waited long enough, it looks once every turn.
 * 3. A shard that had to be woken and does not wake is left the core for a moment.
 * 4. When nothing comes for a while it sleeps until the bell rings, which costs sixty microseconds.
 */
export class Pump {
  readonly #p: PumpParts;
  #running = false;
  #spinning = false;
  /** Whether the last answer came so fast that spinning would have met it. */
  #pays = true;
  #lastMs = 0;
  #turnedMs = 0;

  constructor(parts: PumpParts) {
    this.#p = parts;
  }

  /** Call it after every send. */
  start(): void {
    if (!this.#running) {
      this.#running = true;
      this.#lastMs = this.#p.monotonicMs();
      this.#turnedMs = this.#lastMs;
      setImmediate(this.#poll);
    }
    if (this.#spinning || !this.#pays || !this.#p.spins) return;
    this.#spinning = true;
    queueMicrotask(this.#spin);
  }

  readonly #spin = (): void => {
    const { drain, ready, busy, monotonicMs } = this.#p;
    this.#spinning = false;
    if (!busy()) return;
    let nowMs = monotonicMs();
    if (nowMs - this.#turnedMs > TURN_EVERY_MS) return;
    const end = nowMs + SPIN_MS;
    do {
      for (let i = 0; i < LOOKS; i++) {
        if (!ready()) continue;
        drain();
        this.#lastMs = nowMs;
        return;
      }
      nowMs = monotonicMs();
    } while (nowMs < end);
    this.#pays = false;
  };

  readonly #poll = (): void => {
    const { bell, drain, ready, waking, busy, monotonicMs } = this.#p;
    const nowMs = monotonicMs();
    this.#turnedMs = nowMs;
    if (drain()) {
      this.#pays = nowMs - this.#lastMs < SPIN_MS;
      this.#lastMs = nowMs;
    }
    if (!busy()) {
      this.#running = false;
      return;
    }
    const waitedMs = nowMs - this.#lastMs;
    if (waitedMs >= POLL_MS) {
      void this.#sleep();
      return;
    }
    if (waitedMs >= WAKE_MS && waking()) bell.nap(ready, TURN_EVERY_MS);
    setImmediate(this.#poll);
  };

  async #sleep(): Promise<void> {
    // `waitAsync` does not keep the process alive, a call under way should.
    const alive = setInterval(() => {}, 2 ** 30);
    await this.#p.bell.wait(this.#p.ready, WAIT_MS);
    clearInterval(alive);
    this.#lastMs = this.#p.monotonicMs();
    this.#poll();
  }
}
