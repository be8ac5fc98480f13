import { TICK_NONE } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import { Key } from '../key.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { type Summary, summarize } from './aggregate.js';
import type { Entries } from './entries.js';
import type { TreeKind } from './kinds.js';
import { Node } from './node.js';
import { separator, writeNode } from './pack.js';

/** Writes sorted entries as new nodes of the commit being built, with what their parent must say about each. */
export class NodeWriter {
  readonly #kind: TreeKind;
  readonly #allocator: NodeAllocator;
  readonly #node: Node;
  readonly #separator = new Key();
  readonly #branchPayload = new Uint32Array(layout.BRANCH_WORDS);
  readonly #summary: Summary = { below: 0, earliest: TICK_NONE };

  constructor(kind: TreeKind, slabs: Slabs, allocator: NodeAllocator) {
    this.#kind = kind;
    this.#allocator = allocator;
    this.#node = new Node(slabs);
  }

  /**
   * Writes entries `cuts[i]` to `cuts[i + 1]` as one node each and appends a branch entry for each to `parents`. `fence`
   * goes in front of the first: nothing, where it begins the tree or its parent knows the key already.
   */
  write(entries: Entries, cuts: readonly number[], level: number, parents: Entries, fence: Key = NOTHING): void {
    for (let i = 1; i < cuts.length; i++) {
      const from = cuts[i - 1];
      const node = this.#node.open(this.#allocator.allocate());
      writeNode(entries, from, cuts[i], node, this.#kind.id, level);
      summarize(node, this.#kind, this.#summary);
      this.#branchPayload[layout.CHILD] = node.id;
      this.#branchPayload[layout.BELOW] = this.#summary.below;
      this.#branchPayload[layout.EARLIEST] = this.#summary.earliest;
      const key = i === 1 ? fence : separator(entries, from, level, this.#separator);
      parents.push(key, this.#branchPayload, 0, layout.BRANCH_WORDS);
    }
  }
}

const NOTHING = new Key();
