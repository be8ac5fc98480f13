import { LeaseStoreError } from '../../errors.js';
import type { ShardView } from './shard-view.js';

/** Where a read gets its commits from: the present, or a snapshot. */
export interface PinSource {
  /** Pins a commit of the shard for the length of one call; answers the pin. */
  acquire(view: ShardView, shard: number): number;
  release(view: ShardView, shard: number, pin: number): void;
}

/** Each call sees the commit that is published when it begins. */
export const PRESENT: PinSource = {
  acquire: (view) => view.pins.acquire(),
  release: (view, _shard, pin) => view.pins.release(pin),
};

/**
 * Commits held over many calls, one a shard. Between calls the pins rest, and past their deadline the shard may take
 * them away; a read after that fails, it never sees other data.
 */
export class HeldPins implements PinSource {
  readonly #views: readonly ShardView[];
  readonly #pins: number[];
  /** How many calls, nested in each other, are using the shard's pin. */
  readonly #uses: number[];
  readonly #deadlineSeconds: number;
  #closed = false;

  constructor(views: readonly ShardView[], nowMs: number, maxAgeMs: number) {
    this.#views = views;
    this.#deadlineSeconds = Math.ceil((nowMs + maxAgeMs) / 1000);
    this.#uses = views.map(() => 0);
    this.#pins = [];
    try {
      for (const { pins } of views) this.#pins.push(pins.acquire());
    } catch (error) {
      this.#pins.forEach((pin, shard) => views[shard].pins.release(pin));
      throw error;
    }
    this.#pins.forEach((pin, shard) => views[shard].pins.rest(pin, this.#deadlineSeconds));
  }

  acquire(view: ShardView, shard: number): number {
    if (this.#closed) {
      throw new LeaseStoreError('ERR_HOLDFAST_CLOSED', 'the snapshot was closed; take a new one');
    }
    const pin = this.#pins[shard];
    if (this.#uses[shard] === 0 && !view.pins.resume(pin)) throw oustedError();
    this.#uses[shard]++;
    return pin;
  }

  release(view: ShardView, shard: number, pin: number): void {
    if (--this.#uses[shard] > 0) return;
    if (this.#closed) view.pins.release(pin);
    else view.pins.rest(pin, this.#deadlineSeconds);
  }

  /** Lets go of the commits; of those in use, when that use ends. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pins.forEach((pin, shard) => {
      if (this.#uses[shard] === 0) this.#views[shard].pins.release(pin);
    });
  }
}

function oustedError(): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_SNAPSHOT_OUSTED',
    'the snapshot (or unfinished iterator) rested past its maxAgeMs, or its memory was needed; take a new one',
    { retryable: true },
  );
}
