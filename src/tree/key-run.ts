import { Key } from '../key.js';

/** A list of keys that is filled over and over. It holds on to its keys, so that filling it again allocates nothing. */
export class KeyRun {
  readonly #keys: Key[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  at(index: number): Key {
    return this.#keys[index];
  }

  /** Adds a key, for the caller to fill. */
  add(): Key {
    if (this.#length === this.#keys.length) this.#keys.push(new Key());
    return this.#keys[this.#length++];
  }

  clear(): this {
    this.#length = 0;
    return this;
  }
}
