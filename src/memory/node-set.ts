/** A set of node ids as one bit each, which grows with them: asking it touches no node, which may be far from the cache. */
export class NodeSet {
  #bits = new Uint32Array(1024);

  /** `false` if it was there already. */
  readonly add = (id: number): boolean => {
    const word = id >>> 5;
    if (word >= this.#bits.length) this.#grow(word);
    const bit = 1 << (id & 31);
    if ((this.#bits[word] & bit) !== 0) return false;
    this.#bits[word] |= bit;
    return true;
  };

  delete(id: number): void {
    const word = id >>> 5;
    if (word < this.#bits.length) this.#bits[word] &= ~(1 << (id & 31));
  }

  has(id: number): boolean {
    const word = id >>> 5;
    return word < this.#bits.length && (this.#bits[word] & (1 << (id & 31))) !== 0;
  }

  #grow(word: number): void {
    const grown = new Uint32Array(2 ** Math.ceil(Math.log2(word + 1)));
    grown.set(this.#bits);
    this.#bits = grown;
  }
}
