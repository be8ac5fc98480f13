import * as layout from '../../native-layout/node.js';
import { assert } from '../assert.js';
import { compareKeys, Key } from '../key.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { Entries } from './entries.js';
import type { TreeKind } from './kinds.js';
import { NodeWriter } from './node-writer.js';
import { denseBytes, planDense, separator } from './pack.js';

/** Nodes' worth of entries to gather before leaves are written. */
const GATHERED_NODES = 32;
/** No tree of up to 2^32 nodes has more. */
const LEVELS_MAX = 16;

/**
 * Builds a tree from entries in ascending order, from the leaves up: every node is written once and filled as far as is
 * wise. Works inside a commit like any change. What leaves need in branches is gathered until the end; it is a hundredth
 * of the whole.
 */
export class BulkLoader {
  count = 0;
  readonly #nodeBytes: number;
  readonly #writer: NodeWriter;
  #leaves = new Entries();
  #kept = new Entries();
  #branches = new Entries();
  /** What separates the leaves already written from the next. */
  readonly #fence = new Key();
  readonly #last = new Key();

  constructor(kind: TreeKind, slabs: Slabs, allocator: NodeAllocator) {
    this.#nodeBytes = slabs.nodeBytes;
    this.#writer = new NodeWriter(kind, slabs, allocator);
  }

  /** Nodes that one entry more, and then the end, can take at most. */
  get nodesNeeded(): number {
    const leaves = this.#nodesFor(this.#leaves) + 2;
    const lowest = this.#nodesFor(this.#branches) + leaves;
    // A branch has at least four children, so that all levels above the lowest branches are smaller than that one.
    return leaves + 2 * lowest + LEVELS_MAX;
  }

  /** Adds an entry whose key is behind all keys before it. */
  add(key: Key, payload: Uint32Array, words: number): void {
    assert(this.count === 0 || compareKeys(this.#last, key) < 0, 'bulk load out of order');
    this.#last.copyFrom(key);
    this.count++;
    this.#leaves.push(key, payload, 0, words);
    if (this.#leaves.bytes > GATHERED_NODES * this.#nodeBytes) this.#writeSome();
  }

  /** Writes what is left; answers the root, or NIL without entries. */
  finish(): number {
    if (this.count === 0) return layout.NIL;
    this.#writer.write(this.#leaves, this.#plan(this.#leaves, 0), 0, this.#branches, this.#fence);
    let nodes = this.#branches;
    for (let level = 1; nodes.length > 1; level++) {
      const parents = new Entries();
      this.#writer.write(nodes, this.#plan(nodes, level), level, parents);
      nodes = parents;
    }
    return nodes.payloads[nodes.payloadAt(0) + layout.CHILD];
  }

  /** Writes the gathered leaves but for the last two, which may have to be evened out with what follows. */
  #writeSome(): void {
    const leaves = this.#leaves;
    const cuts = this.#plan(leaves, 0).slice(0, -2);
    // Keys that share nearly all of their bytes: what was gathered makes two nodes at most.
    if (cuts.length < 2) return;
    const from = cuts[cuts.length - 1];
    this.#writer.write(leaves, cuts, 0, this.#branches, this.#fence);
    separator(leaves, from, 0, this.#fence);
    this.#kept.clear();
    this.#kept.pushEntries(leaves, from, leaves.length);
    this.#leaves = this.#kept;
    this.#kept = leaves;
  }

  /** Two neighbours and the end of a cell hold more than a full node, or they would not be two. */
  #nodesFor(entries: Entries): number {
    const bytes = entries.bytes + entries.length * (layout.SLOT_BYTES + 4);
    return Math.ceil((2 * bytes) / (denseBytes(this.#nodeBytes) - layout.NODE_HEADER_BYTES - 4)) + 1;
  }

  #plan(entries: Entries, level: number): readonly number[] {
    return planDense(entries, level, this.#nodeBytes, denseBytes(this.#nodeBytes));
  }
}
