import { TICK_NONE } from '../../native-layout/lease-record.js';
import { NIL } from '../../native-layout/node.js';
import type { Key } from '../key.js';
import type { TreeKind } from './kinds.js';
import type { Node } from './node.js';

/*
 * Questions that the aggregates in branches answer without visiting leaves.
 */

/** Entries whose key is before `key`; all of them without a key. Reads one node a level. */
export function rank(node: Node, root: number, key: Key | undefined): number {
  if (root === NIL) return 0;
  node.open(root);
  let before = 0;
  while (!node.isLeaf) {
    const slot = key === undefined ? node.count : node.childSlot(key);
    for (let i = 0; i < slot; i++) before += node.below(i);
    if (key === undefined) return before;
    node.open(node.child(slot));
  }
  if (key === undefined) return node.count;
  const found = node.search(key);
  return before + (found >= 0 ? found : ~found);
}

/** Entries with `from` ≤ key < `to`. */
export function countRange(node: Node, root: number, from: Key | undefined, to: Key | undefined): number {
  const below = from === undefined ? 0 : rank(node, root, from);
  return Math.max(0, rank(node, root, to) - below);
}

/** What a branch keeps about a child. */
export interface Summary {
  below: number;
  /** No deadline below lies before this tick. */
  earliest: number;
}

/** Sums up a node for its parent: a leaf from its entries, a branch from what it keeps about its children. */
export function summarize(node: Node, kind: TreeKind, summary: Summary): Summary {
  const { words, count } = node;
  let below = 0;
  let earliest = TICK_NONE;
  if (node.isLeaf) {
    below = count;
    for (let slot = 0; slot < count; slot++) earliest = Math.min(earliest, kind.tick(words, node.payloadAt(slot)));
  } else {
    for (let slot = 0; slot < count; slot++) {
      below += node.below(slot);
      earliest = Math.min(earliest, node.earliest(slot));
    }
  }
  summary.below = below;
  summary.earliest = earliest;
  return summary;
}
