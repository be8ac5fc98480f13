import { TICK_NONE } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import { Key } from '../key.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { type Summary, summarize } from './aggregate.js';
import * as edit from './edit.js';
import { Entries } from './entries.js';
import type { TreeKind } from './kinds.js';
import { Node } from './node.js';
import { NodeWriter } from './node-writer.js';
import { planAppend, planCuts, planDense } from './pack.js';

/** A node is merged into a neighbour, if they fit one node, when less than this share of it is in use. */
const MERGE_BELOW = 3 / 8;
/** So much of a node two neighbours take up together that are made one even if it must be laid out anew. */
const SPARSE_PAIR = 3 / 4;
/** And if they do not, its neighbour gives it entries only when it is this empty: what shrinks mostly goes on shrinking. */
const EVEN_OUT_BELOW = 1 / 8;

/**
 * What becomes of the shape of a tree when a node on the path to a leaf grows too full or too empty: splits, joins with a
 * neighbour, another root. Works on the tree's own path, of which every node that is changed was born in this commit, and
 * answers the root; the path no longer holds then.
 */
export class Rebalance {
  readonly #kind: TreeKind;
  readonly #slabs: Slabs;
  readonly #allocator: NodeAllocator;
  readonly #path: readonly Node[];
  readonly #slots: number[];
  readonly #copy: Node;
  readonly #entries = new Entries();
  readonly #replacement = new Entries();
  readonly #separator = new Key();
  readonly #summary: Summary = { below: 0, earliest: TICK_NONE };
  readonly #writer: NodeWriter;
  #root: number = layout.NIL;

  /** `path` and `slots`: the tree's, from the root to the leaf that was found last. */
  constructor(kind: TreeKind, slabs: Slabs, allocator: NodeAllocator, path: readonly Node[], slots: number[]) {
    this.#kind = kind;
    this.#slabs = slabs;
    this.#allocator = allocator;
    this.#path = path;
    this.#slots = slots;
    this.#copy = new Node(slabs);
    this.#writer = new NodeWriter(kind, slabs, allocator);
  }

  /** The first entry of an empty tree. */
  plant(key: Key, payload: Uint32Array, words: number): number {
    this.#entries.clear();
    this.#entries.push(key, payload, 0, words);
    this.#writeOut(0, this.#fewestNodes(0));
    this.#growRoot(0);
    return this.#root;
  }

  /** Lays the leaf at `depth` out anew, as one node or several, with one more entry at `slot`. */
  insert(root: number, depth: number, slot: number, key: Key, payload: Uint32Array, words: number): number {
    this.#root = root;
    const leaf = this.#path[depth];
    this.#entries.clear();
    this.#entries.pushNode(leaf, 0, slot);
    this.#entries.push(key, payload, 0, words);
    this.#entries.pushNode(leaf, slot, leaf.count);
    this.#rewrite(depth, 1, slot < leaf.count ? undefined : planAppend(this.#entries, this.#slabs.nodeBytes));
    return this.#root;
  }

  /** After entries were removed from the leaf at `depth`. */
  shrunk(root: number, depth: number): number {
    this.#root = root;
    this.#afterShrinking(depth);
    return this.#root;
  }

  /** Lays the leaf at `depth` and its siblings out anew, each filled up to `fillBytes`. */
  repackSiblings(root: number, depth: number, fillBytes: number): number {
    this.#root = root;
    const parent = this.#path[depth - 1];
    this.#entries.clear();
    for (let slot = 0; slot < parent.count; slot++) {
      this.#lift(parent, slot);
      if (slot !== this.#slots[depth - 1]) this.#allocator.retire(parent.child(slot));
    }
    this.#slots[depth - 1] = 0;
    this.#rewrite(depth, parent.count, planDense(this.#entries, 0, this.#slabs.nodeBytes, fillBytes));
    return this.#root;
  }

  /** After entries left the node at `depth`: drops it if empty, else joins it with a neighbour if it is too empty. */
  #afterShrinking(depth: number): void {
    const node = this.#path[depth];
    if (depth === 0) {
      if (node.count === 0) {
        this.#allocator.retire(node.id);
        this.#root = layout.NIL;
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
      this.#root = node.child(0);
      this.#allocator.retire(node.id);
      node.open(this.#root);
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
    if (parent.count === 1) return;
    const sparse = this.#sparsePair(parent, slot);
    if (sparse < 0 && node.isLeaf && node.usedBytes >= this.#slabs.nodeBytes * EVEN_OUT_BELOW) return;
    const left = sparse >= 0 ? sparse : Math.max(0, slot - 1);
    this.#entries.clear();
    this.#lift(parent, left);
    this.#lift(parent, left + 1);
    const other = left === slot ? slot + 1 : left;
    this.#allocator.retire(parent.child(other));
    this.#slots[depth - 1] = left;
    this.#rewrite(depth, 2);
  }

  /** The first of the two neighbours, one of them in `slot`, that are sparse together; -1 if there are none. */
  #sparsePair(parent: Node, slot: number): number {
    const used = (of: number): number => this.#copy.open(parent.child(of)).usedBytes;
    const most = this.#slabs.nodeBytes * SPARSE_PAIR;
    if (slot > 0 && used(slot - 1) + used(slot) <= most) return slot - 1;
    return slot + 1 < parent.count && used(slot) + used(slot + 1) <= most ? slot : -1;
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
      this.#root = replacement.payloads[replacement.payloadAt(0) + layout.CHILD];
    } else {
      this.#entries.clear();
      this.#takeReplacement(0);
      this.#writeOut(level + 1, this.#fewestNodes(level + 1));
      this.#growRoot(level + 1);
    }
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
      const { below, earliest } = summarize(node, this.#kind, this.#summary);
      edit.setBranchPayload(this.#path[d - 1], this.#slots[d - 1], node.id, below, earliest);
    }
  }
}
