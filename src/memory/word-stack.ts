/** A growable stack of 32-bit words that stays flat in memory however long it gets. */
export class WordStack {
  #words = new Uint32Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  at(index: number): number {
    return this.#words[index];
  }

  push(word: number): void {
    if (this.#size === this.#words.length) this.#grow();
    this.#words[this.#size++] = word;
  }

  /** The caller knows that the stack is not empty. */
  pop(): number {
    return this.#words[--this.#size];
  }

  clear(): void {
    this.#size = 0;
  }

  #grow(): void {
    const grown = new Uint32Array(this.#words.length * 2);
    grown.set(this.#words);
    this.#words = grown;
  }
}
