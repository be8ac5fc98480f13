import { TICK_NONE } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import { assert } from '../assert.js';
import { Key } from '../key.js';
import type { KeyRun } from './key-run.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { type Summary, summarize } from './aggregate.js';
import { Cursor } from './cursor.js';
import * as edit from './edit.js';
import { Entries } from './entries.js';
import type { TreeKind } from './kinds.js';
import { Node } from './node.js';
import { NodeWriter } from './node-writer.js';
import { planAppend, planCuts, planDense } from './pack.js';

/** More levels than any tree of 2^32 entries can have. */
export const LEVELS_MAX = 24;

/** A node is merged into a neighbour, if they fit one node, when less than this share of it is in use. */
const MERGE_BELOW = 3 / 8;
/** And if they do not, its neighbour gives it entries only when it is this empty: what shrinks mostly goes on shrinking. */
const EVEN_OUT_BELOW = 1 / 8;

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
  readonly #slabs: Slabs;
  readonly #allocator: NodeAllocator;
  readonly #path: Node[];
  readonly #slots: number[] = new Array(LEVELS_MAX).fill(0);
  /** Index in the path of the leaf; -1 while the tree is empty or the path no longer holds. */
  #leaf = -1;
  /** Slot that the last find ended at, or its complement. */
  #found = -1;
  readonly #copy: Node;
  readonly #cursor: Cursor;
  readonly #entries = new Entries();
  readonly #replacement = new Entries();
  readonly #separator = new Key();
  readonly #doomed: number[] = [];
  readonly #summary: Summary = { below: 0, earliest: TICK_NONE };
  readonly #writer: NodeWriter;

  constructor(kind: TreeKind, slabs: Slabs, allocator: NodeAllocator, root: number, count: number) {
    this.kind = kind;
    this.root = root;
    this.count = count;
    this.#slabs = slabs;
    this.#allocator = allocator;
    this.#path = Array.from({ length: LEVELS_MAX }, () => new Node(slabs));
    this.#copy = new Node(slabs);
    this.#cursor = new Cursor(slabs);
    this.#writer = new NodeWriter(kind, slabs, allocator);
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
    this.#leaf = -1;
    if (this.root === layout.NIL) return false;
    let node = this.#path[0].open(this.root);
    let depth = 0;
    while (!node.isLeaf) {
      const slot = node.childSlot(key);
      this.#slots[depth] = slot;
      node = this.#path[++depth].open(node.child(slot));
    }
    this.#leaf = depth;
    this.#found = node.search(key);
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
      this.#plant(key, payload, words);
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
    this.#rewriteWith(leaf, slot, key, payload, words);
  }

  /** Removes the found entry. */
  remove(): void {
    assert(this.#leaf >= 0 && this.#found >= 0, 'remove without a found entry');
    this.count--;
    this.#own();
    const leaf = this.#path[this.#leaf];
    edit.removeAt(leaf, this.#found);
    this.#addBelow(-1);
    this.#afterShrinking(this.#leaf);
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
    this.#afterShrinking(this.#leaf);
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
    this.#rewriteWith(leaf, slot, key, payload, words);
  }

  /**
   * Lays the found leaf and its siblings out anew, each filled up to `fillBytes`: what many splits and removals left
   * half empty takes fewer nodes. Needs as many new nodes as there are siblings, at most.
   */
  repackSiblings(fillBytes: number): void {
    const depth = this.#leaf;
    assert(depth > 0, 'repack of a leaf without siblings');
    this.#ownTo(depth - 1);
    const parent = this.#path[depth - 1];
    this.#entries.clear();
    for (let slot = 0; slot < parent.count; slot++) {
      this.#lift(parent, slot);
      if (slot !== this.#slots[depth - 1]) this.#allocator.retire(parent.child(slot));
    }
    this.#slots[depth - 1] = 0;
    this.#rewrite(depth, parent.count, planDense(this.#entries, 0, this.#slabs.nodeBytes, fillBytes));
  }

  /** Lays the leaf out anew, as one node or several, with one more entry. */
  #rewriteWith(leaf: Node, slot: number, key: Key, payload: Uint32Array, words: number): void {
    this.#entries.clear();
    this.#entries.pushNode(leaf, 0, slot);
    this.#entries.push(key, payload, 0, words);
    this.#entries.pushNode(leaf, slot, leaf.count);
    this.#rewrite(this.#leaf, 1, slot < leaf.count ? undefined : planAppend(this.#entries, this.#slabs.nodeBytes));
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

  /** Copies every node on the path that an earlier commit still shares. */
  #own(): void {
    this.#ownTo(this.#leaf);
  }

  #ownTo(deepest: number): void {
    const path = this.#path;
    // A node of the commit being built has only such nodes above it.
    if (this.#allocator.owns(path[deepest].birth)) return;
    for (let depth = 0; depth <= deepest; depth++) {
      const node = path[depth];
      if (this.#allocator.owns(node.birth)) continue;
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

  /** The first entry of an empty tree. */
  #plant(key: Key, payload: Uint32Array, words: number): void {
    this.#entries.clear();
    this.#entries.push(key, payload, 0, words);
    this.#writeOut(0, this.#fewestNodes(0));
    this.#growRoot(0);
  }

  /** After entries left the node at `depth`: drops it if empty, else joins it with a neighbour if it is too empty. */
  #afterShrinking(depth: number): void {
    const node = this.#path[depth];
    if (depth === 0) {
      if (node.count === 0) {
        this.#allocator.retire(node.id);
        this.root = layout.NIL;
      } else this.#lowerRoot();
      return;
    }
    if (node.count === 0) this.#dropEmpty(depth);
    else if (node.usedBytes < this.#slabs.nodeBytes * MERGE_BELOW) this.#joinNeighbour(depth);
  }

  /** A root with one child is one level too many. */
  #lowerRoot(): void {
    const node = this.#path[0];
    while (!node.isLeaf && node.count === 1) {
      this.root = node.child(0);
      this.#allocator.retire(node.id);
      node.open(this.root);
    }
  }

  /** Makes one node of the one at `depth` and a neighbour if they fit one; else evens them out if it is all but empty. */
  #joinNeighbour(depth: number): void {
    const parent = this.#path[depth - 1];
    const slot = this.#slots[depth - 1];
    const node = this.#path[depth];
    if (slot > 0 && this.#absorb(depth, slot - 1)) return;
    if (slot + 1 < parent.count && this.#absorb(depth, slot + 1)) return;
    // A node without neighbours stays, however small.
    if (parent.count === 1 || (node.isLeaf && node.usedBytes >= this.#slabs.nodeBytes * EVEN_OUT_BELOW)) return;
    const left = slot > 0 ? slot - 1 : slot;
    this.#entries.clear();
    this.#lift(parent, left);
    this.#lift(parent, left + 1);
    const other = left === slot ? slot + 1 : left;
    this.#allocator.retire(parent.child(other));
    this.#slots[depth - 1] = left;
    this.#rewrite(depth, 2);
  }

  /** Takes the entries of the neighbour in slot `other` into the leaf at `depth`; `false` if they do not fit as they are. */
  #absorb(depth: number, other: number): boolean {
    const parent = this.#path[depth - 1];
    const slot = this.#slots[depth - 1];
    const leaf = this.#path[depth];
    if (!leaf.isLeaf || !edit.absorb(leaf, this.#copy.open(parent.child(other)), other < slot)) return false;
    this.#allocator.retire(parent.child(other));
    const left = Math.min(slot, other);
    parent.words[parent.payloadAt(left) + layout.CHILD] = leaf.id;
    edit.removeAt(parent, left + 1);
    this.#slots[depth - 1] = left;
    this.#settle(depth);
    this.#afterShrinking(depth - 1);
    return true;
  }

  /** Takes a node without entries out of its parent, which shrinks in turn. */
  #dropEmpty(depth: number): void {
    const parent = this.#path[depth - 1];
    const slot = this.#slots[depth - 1];
    this.#allocator.retire(this.#path[depth].id);
    if (slot === 0 && parent.count > 1) {
      // The first separator has no meaning of its own: the first slot takes the second child over.
      edit.setBranchPayload(parent, 0, parent.child(1), parent.below(1), parent.earliest(1));
      edit.removeAt(parent, 1);
    } else edit.removeAt(parent, slot);
    if (parent.count > 0) this.#settle(depth - 1);
    this.#afterShrinking(depth - 1);
  }

  /** Adds a child's entries; the first key of a branch is known only to its parent. */
  #lift(parent: Node, slot: number): void {
    const child = this.#copy.open(parent.child(slot));
    if (child.isLeaf) {
      this.#entries.pushNode(child, 0, child.count);
      return;
    }
    if (child.count === 0) return;
    const fence = slot === 0 ? this.#separator.setLength(0) : parent.readKey(slot, this.#separator);
    this.#entries.push(fence, child.words, child.payloadAt(0), child.payloadWords(0));
    this.#entries.pushNode(child, 1, child.count);
  }

  /**
   * Writes the gathered entries in place of `replaced` children that begin at the path's slot above `depth` (the node at
   * `depth` is one of them; others were retired by the caller), then mends the parent, level by level.
   */
  #rewrite(depth: number, replaced: number, cuts = this.#fewestNodes(this.#path[depth].level)): void {
    const { level, id } = this.#path[depth];
    this.#allocator.retire(id);
    this.#writeOut(level, cuts);
    if (depth === 0) this.#growRoot(level);
    else this.#mendParent(this.#path[depth - 1], this.#slots[depth - 1], replaced, depth - 1);
  }

  #fewestNodes(level: number): readonly number[] {
    return planCuts(this.#entries, level, this.#slabs.nodeBytes);
  }

  /** Writes the gathered entries as nodes; `#replacement` then names those, in order. */
  #writeOut(level: number, cuts: readonly number[]): void {
    this.#replacement.clear();
    this.#writer.write(this.#entries, cuts, level, this.#replacement);
  }

  #growRoot(level: number): void {
    const replacement = this.#replacement;
    if (replacement.length === 1) {
      this.root = replacement.payloads[replacement.payloadAt(0) + layout.CHILD];
    } else {
      this.#entries.clear();
      this.#takeReplacement(0);
      this.#writeOut(level + 1, this.#fewestNodes(level + 1));
      this.#growRoot(level + 1);
    }
    this.#leaf = -1;
  }

  /** Puts the replacement in place of `replaced` slots from `from`, then settles counts and bounds up to the root. */
  #mendParent(parent: Node, from: number, replaced: number, depth: number): void {
    const replacement = this.#replacement;
    const payloads = replacement.payloads;
    const first = replacement.payloadAt(0);
    edit.setBranchPayload(
      parent,
      from,
      payloads[first + layout.CHILD],
      payloads[first + layout.BELOW],
      payloads[first + layout.EARLIEST],
    );
    for (let slot = from + replaced - 1; slot > from; slot--) edit.removeAt(parent, slot);
    for (let i = 1; i < replacement.length; i++) {
      replacement.readKey(i, this.#separator);
      const at = replacement.payloadAt(i);
      if (edit.insertAt(parent, from + i, this.#separator, payloads, at, layout.BRANCH_WORDS)) continue;
      this.#overflow(parent, from + i, i, depth);
      return;
    }
    this.#settle(depth);
    if (replacement.length < replaced) this.#afterShrinking(depth);
    this.#leaf = -1;
  }

  /** The parent cannot take replacement `i` and those after it at `slot`: lays it out anew, with them. */
  #overflow(parent: Node, slot: number, i: number, depth: number): void {
    const entries = this.#entries;
    entries.clear();
    entries.push(this.#separator.setLength(0), parent.words, parent.payloadAt(0), layout.BRANCH_WORDS);
    entries.pushNode(parent, 1, slot);
    this.#takeReplacement(i);
    entries.pushNode(parent, slot, parent.count);
    this.#rewrite(depth, 1);
  }

  #takeReplacement(from: number): void {
    const entries = this.#entries;
    const replacement = this.#replacement;
    for (let r = from; r < replacement.length; r++) {
      entries.push(
        replacement.readKey(r, this.#separator),
        replacement.payloads,
        replacement.payloadAt(r),
        layout.BRANCH_WORDS,
      );
    }
  }

  /** Sums up the node at `depth` into its parent's slot, and so on up to the root. */
  #settle(depth: number): void {
    for (let d = depth; d > 0; d--) {
      const node = this.#path[d];
      const { below, earliest } = summarize(node, this.kind, this.#summary);
      edit.setBranchPayload(this.#path[d - 1], this.#slots[d - 1], node.id, below, earliest);
    }
  }
}
