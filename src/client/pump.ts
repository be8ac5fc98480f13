import type { ClientBell } from '../mailbox/client-bell.js';

/** So long after the last completion the client polls; then it waits to be woken. Longer than a synced write takes. */
const POLL_MS = 1;
/** A wait that nobody ends is looked at again after so long. */
const WAIT_MS = 1000;

export interface PumpParts {
  readonly bell: ClientBell;
  readonly monotonicMs: () => number;
  /** Hands out what the shards completed; whether there was anything. */
  readonly drain: () => boolean;
  /** Whether something waits to be drained. */
  readonly ready: () => boolean;
  /** Whether anything is under way. */
  readonly busy: () => boolean;
}

/**
 * Brings completions to their promises. While calls are under way it polls once every turn of the event loop, which
 * answers in about two microseconds where waking a waiter takes sixty; when nothing comes for a while it sleeps until
 * the bell rings.
 */
export class Pump {
  readonly #p: PumpParts;
  #running = false;
  #lastMs = 0;

  constructor(parts: PumpParts) {
    this.#p = parts;
  }

  /** Call it after every send. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#lastMs = this.#p.monotonicMs();
    setImmediate(this.#poll);
  }

  readonly #poll = (): void => {
    const { drain, busy, monotonicMs } = this.#p;
    if (drain()) this.#lastMs = monotonicMs();
    if (!busy()) {
      this.#running = false;
      return;
    }
    if (monotonicMs() - this.#lastMs < POLL_MS) setImmediate(this.#poll);
    else void this.#sleep();
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
