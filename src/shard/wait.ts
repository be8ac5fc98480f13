import * as layout from '../../native-layout/shard-control.js';
import type { RingReader } from '../mailbox/ring.js';
import type { Control } from '../memory/control.js';
import type { WaitStrategy } from '../options.js';

/** Longer than the gaps of a client that awaits each call, and than those of 10,000 evenly spaced calls a second. */
const ADAPTIVE_SPIN_MS = 0.2;

/** Even a shard that never sleeps ends its spin after so long, to see what there is to do for one that is idle. */
const SPIN_MS_MAX = 250;

/** Looks at the ring between two looks at the clock. */
const LOOKS = 200;

/**
 * For how long a shard looks for work without pause before it sleeps. `spin` never sleeps, `park` sleeps at once, `adaptive`
 * spins for a moment as long as there is a core to spare and the last work came that soon.
 */
export function spinMs(strategy: WaitStrategy, shards: number, cores: number): number {
  if (strategy === 'spin') return Number.POSITIVE_INFINITY;
  // Without a core for each shard and one for the client, a spinning shard keeps the client from running.
  return strategy === 'park' || cores <= shards ? 0 : ADAPTIVE_SPIN_MS;
}

/** Waits for requests: first spinning, then parked on the shard's doorbell. */
export class Waiter {
  readonly #control: Control;
  readonly #requests: RingReader;
  readonly #spinMs: number;
  readonly #nowMs: () => number;
  readonly #due: () => boolean;
  /** Whether the last request came so soon that spinning met it, or would have. */
  #pays = true;
  #idleFromMs = 0;

  /** `nowMs`: any clock that is never set back. `due`: whether there is work that no request brought. */
  constructor(control: Control, requests: RingReader, spinMs: number, nowMs: () => number, due: () => boolean) {
    this.#control = control;
    this.#requests = requests;
    this.#spinMs = spinMs;
    this.#due = due;
    this.#nowMs = nowMs;
  }

  /** Whether it sleeps once its spin is over. */
  get parks(): boolean {
    return Number.isFinite(this.#spinMs);
  }

  /** Answers `true` as soon as there is something to do, `false` when the spin is over. */
  spin(): boolean {
    if (this.#spinMs === 0) return this.#called;
    this.#idleFromMs = this.#nowMs();
    if (!this.#pays) return this.#called;
    const end = this.#idleFromMs + Math.min(this.#spinMs, SPIN_MS_MAX);
    do {
      for (let i = 0; i < LOOKS; i++) if (this.#requests.ready) return true;
      if (this.#called) return true;
    } while (this.#nowMs() < end);
    return false;
  }

  /** Sleeps until the doorbell rings, at most so long. */
  park(timeoutMs: number): void {
    const { signed } = this.#control;
    const rings = Atomics.load(signed, layout.DOORBELL);
    Atomics.store(signed, layout.PARKED, 1);
    // Whoever rang before it could see that this shard parks is seen here.
    if (!this.#called) Atomics.wait(signed, layout.DOORBELL, rings, timeoutMs);
    Atomics.store(signed, layout.PARKED, 0);
    this.#pays = this.#nowMs() - this.#idleFromMs < this.#spinMs;
  }

  /** Sleeps even if there is something to do: until somebody calls, at most so long. */
  rest(timeoutMs: number): void {
    const { signed } = this.#control;
    const rings = Atomics.load(signed, layout.DOORBELL);
    if (Atomics.load(signed, layout.TURN) === 0) Atomics.wait(signed, layout.DOORBELL, rings, timeoutMs);
  }

  /** Takes a call to turn the event loop, if there is one. */
  takeTurn(): boolean {
    return Atomics.exchange(this.#control.signed, layout.TURN, 0) === 1;
  }

  get #called(): boolean {
    return this.#requests.ready || Atomics.load(this.#control.signed, layout.TURN) === 1 || this.#due();
  }
}

/** What a thread that died may have left behind: it neither sleeps nor stands at a barrier any more. */
export function forgetWaiting({ signed }: Control): void {
  Atomics.store(signed, layout.PARKED, 0);
  Atomics.store(signed, layout.TURN, 0);
  Atomics.store(signed, layout.GATE, layout.GATE_OPEN);
}

/** The other side: wakes a shard that sleeps. Call it after the request is visible. Answers whether it slept. */
export function ringDoorbell(control: Control): boolean {
  const slept = isAsleep(control);
  if (slept) ringLoudly(control);
  return slept;
}

/** Whether a shard sleeps; one that was woken does until it has a core. */
export function isAsleep({ signed }: Control): boolean {
  return Atomics.load(signed, layout.PARKED) === 1;
}

function ringLoudly(control: Control): void {
  Atomics.add(control.signed, layout.DOORBELL, 1);
  Atomics.notify(control.signed, layout.DOORBELL);
}

/** Makes the shard turn its event loop, so that it receives the message that was just posted to it. */
export function callTurn(control: Control): void {
  Atomics.store(control.signed, layout.TURN, 1);
  ringLoudly(control);
}
