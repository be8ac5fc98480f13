import { LeaseStoreError } from '../../errors.js';
import type { ReadParts } from './parts.js';
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

type Parts = Pick<ReadParts<unknown>, 'views' | 'nowMs' | 'isClosed'>;

/**
 * Commits held over many calls, one a shard. Between calls the pins rest, and past their deadline the shard may take
 * them away; a read after that fails, it never sees other data. What is dropped without being closed lets go of its
 * pins when it is collected.
 */
export class HeldPins implements PinSource {
  readonly #parts: Parts;
  readonly #pins: readonly number[];
  /** How many calls, nested in each other, are using the shard's pin. */
  readonly #uses: number[];
  readonly #maxAgeMs: number;
  /** Whether the deadline moves on with every use, as an iterator's does. */
  readonly #ageFromUse: boolean;
  #deadlineSeconds: number;
  #closed = false;

  constructor(parts: Parts, maxAgeMs: number, ageFromUse: boolean) {
    this.#parts = parts;
    this.#maxAgeMs = maxAgeMs;
    this.#ageFromUse = ageFromUse;
    this.#deadlineSeconds = deadline(parts.nowMs(), maxAgeMs);
    this.#uses = parts.views.map(() => 0);
    this.#pins = pinAll(parts.views);
    for (const [shard, { pins }] of parts.views.entries()) pins.rest(this.#pins[shard], this.#deadlineSeconds);
    forgotten.register(this, { parts, pins: this.#pins }, this);
  }

  acquire(view: ShardView, shard: number): number {
    expectOpen(this.#parts);
    if (this.#closed) throw closed('the snapshot was closed; take a new one');
    const pin = this.#pins[shard];
    if (this.#uses[shard] === 0 && !view.pins.resume(pin)) throw ousted();
    this.#uses[shard]++;
    return pin;
  }

  release(view: ShardView, shard: number, pin: number): void {
    if (--this.#uses[shard] > 0) return;
    if (this.#closed) {
      view.pins.release(pin);
      return;
    }
    if (this.#ageFromUse) this.#deadlineSeconds = deadline(this.#parts.nowMs(), this.#maxAgeMs);
    view.pins.rest(pin, this.#deadlineSeconds);
  }

  /** Lets go of the commits; of those in use, when that use ends. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    forgotten.unregister(this);
    if (this.#parts.isClosed()) return;
    for (const [shard, { pins }] of this.#parts.views.entries()) {
      if (this.#uses[shard] === 0) pins.drop(this.#pins[shard]);
    }
  }
}

const forgotten = new FinalizationRegistry<{ parts: Parts; pins: readonly number[] }>(({ parts, pins }) => {
  if (parts.isClosed()) return;
  // Nobody can have been using them: whoever does holds on to the object.
  for (const [shard, view] of parts.views.entries()) view.pins.drop(pins[shard]);
});

/** All shards or none. */
function pinAll(views: readonly ShardView[]): readonly number[] {
  const pins: number[] = [];
  try {
    for (const view of views) pins.push(view.pins.acquire());
  } catch (error) {
    for (const [shard, pin] of pins.entries()) views[shard].pins.release(pin);
    throw error;
  }
  return pins;
}

/** Store seconds. Rounded up: nothing is taken before its time. */
function deadline(nowMs: number, maxAgeMs: number): number {
  return Math.ceil((nowMs + maxAgeMs) / 1000);
}

/** For a read that may go on after its store was closed. */
export function expectOpen({ isClosed }: Parts): void {
  if (isClosed()) throw closed('the store (or attachment) that this reads was closed');
}

function closed(message: string): LeaseStoreError {
  return new LeaseStoreError('ERR_HOLDFAST_CLOSED', message);
}

function ousted(): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_SNAPSHOT_OUSTED',
    'the snapshot (or unfinished iterator) rested past its maxAgeMs, or its memory was needed; take a new one',
    { retryable: true },
  );
}
