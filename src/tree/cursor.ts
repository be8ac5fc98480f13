import { NIL } from '../../native-layout/node.js';
import type { Key } from '../key.js';
import type { Slabs } from '../memory/slabs.js';
import { Node } from './node.js';

/**
 * Walks the entries of a key range leaf by leaf, forwards or backwards, over nodes that somebody keeps pinned. Each
 * leaf is a run of slots `[low, high)`, so that bounds are compared once a leaf and not once an entry.
 */
export class Cursor {
  readonly leaf: Node;
  low = 0;
  high = 0;
  readonly #path: Node[] = [];
  readonly #slots: number[] = [];
  readonly #slabs: Slabs;
  #depth = 0;
  #from: Key | undefined;
  #to: Key | undefined;
  #reverse = false;
  #state: 'before' | 'within' | 'done' = 'done';
  #root = NIL;

  constructor(slabs: Slabs) {
    this.#slabs = slabs;
    this.leaf = new Node(slabs);
  }

  /**
   * Starts a walk over keys `from` ≤ key < `to` (open ends where undefined). The keys are used until the walk ends.
   */
  start(root: number, from: Key | undefined, to: Key | undefined, reverse: boolean): this {
    this.#root = root;
    this.#from = from;
    this.#to = to;
    this.#reverse = reverse;
    this.#depth = 0;
    this.#state = root === NIL ? 'done' : 'before';
    return this;
  }

  /** Moves to the next leaf with entries in the range; `false` when there is none. */
  nextRun(): boolean {
    while (this.#state !== 'done') {
      if (this.#state === 'before') {
        this.#state = 'within';
        this.#descend(this.#root, this.#reverse ? this.#to : this.#from);
      } else if (!this.#step()) this.#state = 'done';
      if (this.#state === 'within' && this.#clip()) return true;
    }
    return false;
  }

  /** From a node at the current depth down to a leaf: along `key`, or along the side that the walk begins on. */
  #descend(id: number, key: Key | undefined): void {
    let node = this.#at(this.#depth).open(id);
    while (!node.isLeaf) {
      const slot = key !== undefined ? node.childSlot(key) : this.#reverse ? node.count - 1 : 0;
      this.#slots[this.#depth] = slot;
      node = this.#at(++this.#depth).open(node.child(slot));
    }
    this.leaf.open(node.id);
  }

  /** To the neighbouring leaf in the direction of the walk. */
  #step(): boolean {
    while (this.#depth > 0) {
      this.#depth--;
      const node = this.#path[this.#depth];
      const slot = this.#slots[this.#depth] + (this.#reverse ? -1 : 1);
      if (slot < 0 || slot >= node.count) continue;
      this.#slots[this.#depth] = slot;
      this.#depth++;
      this.#descend(node.child(slot), undefined);
      return true;
    }
    return false;
  }

  /** Cuts the leaf's slots down to the range; `false` if none are left. Ends the walk at the far bound. */
  #clip(): boolean {
    const { leaf } = this;
    const count = leaf.count;
    this.low = this.#from === undefined ? 0 : position(leaf, this.#from);
    this.high = this.#to === undefined ? count : position(leaf, this.#to);
    const pastEnd = this.#reverse ? this.low > 0 : this.high < count;
    if (this.low < this.high) {
      // The far bound falls into this leaf: it is the last.
      if (pastEnd) this.#depth = 0;
      return true;
    }
    if (pastEnd) this.#state = 'done';
    return false;
  }

  #at(depth: number): Node {
    this.#path[depth] ??= new Node(this.#slabs);
    return this.#path[depth];
  }
}

/** Slot of the first key that is not before `key`. */
function position(leaf: Node, key: Key): number {
  const found = leaf.search(key);
  return found >= 0 ? found : ~found;
}
