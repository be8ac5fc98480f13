import { fields, word } from '../../native-layout/fields.js';

const f = fields();
const RINGS = word(f.u32('rings'));
const ASLEEP = word(f.u32('1 while the sync thread waits for work'));
const STOP = word(f.u32('1 asks the sync thread to end'));
const BYTES = f.end(4);

/** What wakes the thread that syncs the logs in the background. One for all shards of a store. */
export class Bell {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(BYTES);
  }

  ring(): void {
    Atomics.add(this.#words, RINGS, 1);
    Atomics.notify(this.#words, RINGS);
  }

  /** Rings only if the other side has nothing to do: a busy one looks by itself at its next interval. */
  ringIfAsleep(): void {
    if (Atomics.load(this.#words, ASLEEP) === 1) this.ring();
  }

  get rings(): number {
    return Atomics.load(this.#words, RINGS);
  }

  /** Says that only a ring is waited for. Look for work once more before waiting. */
  set asleep(asleep: boolean) {
    Atomics.store(this.#words, ASLEEP, asleep ? 1 : 0);
  }

  /** Waits until the bell rings again after `rings` was read, at most `timeoutMs`. */
  wait(rings: number, timeoutMs: number): void {
    Atomics.wait(this.#words, RINGS, rings, timeoutMs);
  }

  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    this.ring();
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, STOP) === 1;
  }
}
