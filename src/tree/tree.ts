import { TICK_NONE } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import { assert } from '../assert.js';
import type { Key } from '../key.js';
import type { KeyRun } from './key-run.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { type Summary, summarize } from './aggregate.js';
import { Cursor } from './cursor.js';
import * as edit from './edit.js';
import type { TreeKind } from './kinds.js';
import { Node } from './node.js';
import { Rebalance } from './rebalance.js';

/** More levels than any tree of 2^32 entries can have. */
export const LEVELS_MAX = 24;

/**
 * Nodes that one change can need at most: a copy of every level, and on every level a split into up to four (a leaf
 * whose packing changes) or, on removal, the rewriting of a sibling.
 */
export function nodesPerChange(level: number): number {
  return (level + 2) * 5;
}

/**
 * The writer's view of one tree: a copy-on-write B+ tree whose nodes are copied once per commit and then edited in
 * place. Pure but for the memory it was given: no clock, no IO, no threads.
 *
 * A change begins with {@link find}, which leaves a path from the root to a leaf; the change then works along it.
 */
export class Tree {
  root: number;
  count: number;
  readonly kind: TreeKind;
  readonly #allocator: NodeAllocator;
  readonly #path: Node[];
  readonly #slots: number[] = new Array(LEVELS_MAX).fill(0);
  /** Index in the path of the leaf; -1 while the tree is empty or the path no longer holds. */
  #leaf = -1;
  /** Slot that the last find ended at, or its complement. */
  #found = -1;
  readonly #copy: Node;
  readonly #cursor: Cursor;
  readonly #doomed: number[] = [];
  readonly #summary: Summary = { below: 0, earliest: TICK_NONE };
  readonly #rebalance: Rebalance;

  constructor(kind: TreeKind, slabs: Slabs, allocator: NodeAllocator, root: number, count: number) {
    this.kind = kind;
    this.root = root;
    this.count = count;
    this.#allocator = allocator;
    this.#path = Array.from({ length: LEVELS_MAX }, () => new Node(slabs));
    this.#copy = new Node(slabs);
    this.#cursor = new Cursor(slabs);
    this.#rebalance = new Rebalance(kind, slabs, allocator, this.#path, this.#slots);
  }

  /** Level of the root; leaves are at 0. */
  get level(): number {
    return this.root === layout.NIL ? 0 : this.#copy.open(this.root).level;
  }

  /** Goes back to an earlier state of the tree. */
  reset(root: number, count: number): void {
    this.root = root;
    this.count = count;
    this.#leaf = -1;
  }

  /** Looks the key up and remembers the path to it. */
  find(key: Key): boolean {
    if (!this.#descend(key)) return false;
    this.#found = this.#path[this.#leaf].search(key);
    return this.#found >= 0;
  }

  /**
   * As {@link find} for an entry that is most likely there and about to be edited: copies its leaf before it searches it.
   * The copy fetches a cold leaf as one stream and leaves it in the cache, where a search fetches line after line (a
   * third of finding and copying in a tree larger than the cache).
   */
  findForEdit(key: Key): boolean {
    if (!this.#descend(key)) return false;
    this.#own();
    this.#found = this.#path[this.#leaf].search(key);
    return this.#found >= 0;
  }

  /** The words in which the found entry's payload lies, at {@link payloadAt}. */
  get payload(): Uint32Array {
    return this.#path[this.#leaf].words;
  }

  get payloadAt(): number {
    return this.#path[this.#leaf].payloadAt(this.#found);
  }

  get payloadWords(): number {
    return this.#path[this.#leaf].payloadWords(this.#found);
  }

  /** Makes the found entry's payload writable in place; ask {@link payload} and {@link payloadAt} for it afresh. */
  edit(): void {
    assert(this.#leaf >= 0 && this.#found >= 0, 'edit without a found entry');
    this.#own();
  }

  /** After an edit that moved a deadline to `tick`: lowers the bounds above it. Raising them is left to the sweep. */
  lowerBound(tick: number): void {
    for (let depth = 0; depth < this.#leaf; depth++) {
      const node = this.#path[depth];
      const at = node.payloadAt(this.#slots[depth]) + layout.EARLIEST;
      if (tick < node.words[at]) node.words[at] = tick;
    }
  }

  /** Inserts an entry that the last find, for this very key, did not find. */
  insert(key: Key, payload: Uint32Array, words: number): void {
    assert(words <= layout.PAYLOAD_WORDS_MAX, 'payload too long for a cell');
    this.count++;
    if (this.root === layout.NIL) {
      this.root = this.#rebalance.plant(key, payload, words);
      this.#leaf = -1;
      return;
    }
    assert(this.#leaf >= 0 && this.#found < 0, 'insert without a find that missed');
    this.#own();
    const slot = ~this.#found;
    const leaf = this.#path[this.#leaf];
    if (edit.insertAt(leaf, slot, key, payload, 0, words)) {
      this.#addBelow(1);
      this.lowerBound(this.kind.tick(payload, 0));
      this.#found = slot;
      return;
    }
    this.root = this.#rebalance.insert(this.root, this.#leaf, slot, key, payload, words);
    this.#leaf = -1;
  }

  /** Removes the found entry. */
  remove(): void {
    assert(this.#leaf >= 0 && this.#found >= 0, 'remove without a found entry');
    this.count--;
    this.#own();
    const leaf = this.#path[this.#leaf];
    edit.removeAt(leaf, this.#found);
    this.#addBelow(-1);
    this.root = this.#rebalance.shrunk(this.root, this.#leaf);
    this.#leaf = -1;
  }

  /**
   * Removes the entries of `keys` from index `from` on that lie in one leaf: the path is copied and mended once for all of
   * them. The keys are in order, and each has an entry, which `visit` sees first.
   *
   * @returns index of the first key that is left
   */
  removeRun(
    keys: KeyRun,
    from: number,
    visit?: (index: number, words: Uint32Array, at: number, size: number) => void,
  ): number {
    assert(this.find(keys.at(from)), 'removal of a key that is not there');
    this.#own();
    const leaf = this.#path[this.#leaf];
    const slots = this.#doomed;
    slots.length = 0;
    let next = from;
    for (let slot = this.#found; slot >= 0; slot = ++next < keys.length ? leaf.search(keys.at(next)) : -1) {
      visit?.(next, leaf.words, leaf.payloadAt(slot), leaf.payloadWords(slot));
      slots.push(slot);
    }
    edit.removeSlots(leaf, slots);
    this.count -= next - from;
    this.#addBelow(from - next);
    this.root = this.#rebalance.shrunk(this.root, this.#leaf);
    this.#leaf = -1;
    return next;
  }

  /** Gives the found entry a payload of another size. */
  replace(key: Key, payload: Uint32Array, words: number): void {
    this.#own();
    const leaf = this.#path[this.#leaf];
    const slot = this.#found;
    edit.removeAt(leaf, slot);
    if (edit.insertAt(leaf, slot, key, payload, 0, words)) {
      this.lowerBound(this.kind.tick(payload, 0));
      return;
    }
    this.root = this.#rebalance.insert(this.root, this.#leaf, slot, key, payload, words);
    this.#leaf = -1;
  }

  /**
   * Lays the found leaf and its siblings out anew, each filled up to `fillBytes`: what many splits and removals left
   * half empty takes fewer nodes. Needs about as many new nodes as there are siblings, at most.
   */
  repackSiblings(fillBytes: number): void {
    const depth = this.#leaf;
    assert(depth > 0, 'repack of a leaf without siblings');
    this.#ownTo(depth - 1);
    this.root = this.#rebalance.repackSiblings(this.root, depth, fillBytes);
    this.#leaf = -1;
  }

  /** The earliest tick that any deadline below the root can have. */
  get earliestTick(): number {
    if (this.root === layout.NIL) return TICK_NONE;
    return summarize(this.#copy.open(this.root), this.kind, this.#summary).earliest;
  }

  /** The first leaf whose bound says that a deadline may lie before `tick`; a flyweight, good until the next change. */
  findDue(tick: number): Node | undefined {
    this.#leaf = -1;
    if (this.earliestTick >= tick) return undefined;
    const node = this.#path[0].open(this.root);
    while (!node.isLeaf) {
      let slot = 0;
      for (let i = 1; i < node.count; i++) if (node.earliest(i) < node.earliest(slot)) slot = i;
      node.open(node.child(slot));
    }
    return node;
  }

  /** Makes the bounds above the leaf that covers `key` say what is below them now. */
  raiseBound(key: Key): void {
    this.find(key);
    if (this.#leaf <= 0) return;
    this.#ownTo(this.#leaf - 1);
    let child = this.#path[this.#leaf];
    for (let depth = this.#leaf - 1; depth >= 0; depth--) {
      const { earliest } = summarize(child, this.kind, this.#summary);
      const node = this.#path[depth];
      node.words[node.payloadAt(this.#slots[depth]) + layout.EARLIEST] = earliest;
      child = node;
    }
  }

  /** Fills `found` with the first key that is not before `key`; `false` if there is none. */
  findNext(key: Key, found: Key): boolean {
    this.#leaf = -1;
    const cursor = this.#cursor.start(this.root, key, undefined, false);
    if (!cursor.nextRun()) return false;
    cursor.leaf.readKey(cursor.low, found);
    return true;
  }

  /**
   * Remembers the path to the leaf that covers the key; `false` if there is no leaf. Batches and logs come in the order of
   * the tree, and their next key often lies in the leaf that the path leads to already.
   */
  #descend(key: Key): boolean {
    if (this.#leaf >= 0 && this.#path[this.#leaf].surrounds(key)) return true;
    this.#leaf = -1;
    if (this.root === layout.NIL) return false;
    let node = this.#path[0].open(this.root);
    let depth = 0;
    // Leaves are told by their distance from the root: their headers are as cold as the rest of them.
    for (let level = node.level; level > 0; level--) {
      const slot = node.childSlot(key);
      this.#slots[depth] = slot;
      node = this.#path[++depth].open(node.child(slot));
    }
    this.#leaf = depth;
    return true;
  }

  /** Copies every node on the path that an earlier commit still shares. */
  #own(): void {
    this.#ownTo(this.#leaf);
  }

  #ownTo(deepest: number): void {
    const path = this.#path;
    // A node of the commit being built has only such nodes above it.
    if (this.#allocator.owns(path[deepest].id)) return;
    for (let depth = 0; depth <= deepest; depth++) {
      const node = path[depth];
      if (this.#allocator.owns(node.id)) continue;
      edit.copyOnWrite(node, this.#allocator, this.#copy);
      if (depth === 0) this.root = node.id;
      else path[depth - 1].words[path[depth - 1].payloadAt(this.#slots[depth - 1]) + layout.CHILD] = node.id;
    }
  }

  #addBelow(change: number): void {
    for (let depth = 0; depth < this.#leaf; depth++) {
      const node = this.#path[depth];
      node.words[node.payloadAt(this.#slots[depth]) + layout.BELOW] += change;
    }
  }
}
