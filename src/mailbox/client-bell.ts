import { fields, word } from '../../native-layout/fields.js';

const f = fields();
const RINGS = word(f.u32('rings'));
const WAITING = word(f.u32('1 while the client waits for a ring'));
const BYTES = f.end(4);

/** What wakes a client that waits for completions of any of its shards. */
export class ClientBell {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(BYTES);
  }

  /** The shard's side, after completions became visible: rings if the client waits. */
  ring(): void {
    if (Atomics.load(this.#words, WAITING) === 0) return;
    Atomics.store(this.#words, WAITING, 0);
    Atomics.add(this.#words, RINGS, 1);
    Atomics.notify(this.#words, RINGS);
  }

  /**
   * The client's side: resolves at the next ring, or after `timeoutMs`. `ready` is asked once more after the shards can
   * see that the client waits, so that no completion slips through between.
   */
  async wait(ready: () => boolean, timeoutMs: number): Promise<void> {
    const rings = Atomics.load(this.#words, RINGS);
    Atomics.store(this.#words, WAITING, 1);
    if (!ready()) {
      const wait = Atomics.waitAsync(this.#words, RINGS, rings, timeoutMs);
      if (wait.async) await wait.value;
    }
    Atomics.store(this.#words, WAITING, 0);
  }

  /** As {@link wait}, without letting go of the thread: its core is free meanwhile. */
  nap(ready: () => boolean, timeoutMs: number): void {
    const rings = Atomics.load(this.#words, RINGS);
    Atomics.store(this.#words, WAITING, 1);
    if (!ready()) Atomics.wait(this.#words, RINGS, rings, timeoutMs);
    Atomics.store(this.#words, WAITING, 0);
  }
}
