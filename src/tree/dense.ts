import * as layout from '../../native-layout/node.js';
import type { Key } from '../key.js';
import type { Slabs } from '../memory/slabs.js';
import { Node } from './node.js';
import { denseBytes } from './pack.js';
import { nodesPerChange, type Tree } from './tree.js';

/*
 * Repacking: keys that arrive in random order leave leaves about 70 % full. After an import, or when memory runs short,
 * the leaves are laid out anew, the children of one branch at a time, so that each call is a bounded change.
 */

/** Leaves are only moved if that saves one in twenty. */
const WORTH = 0.95;

/** Nodes that one call of {@link repackDense} can need at most. */
export function nodesPerRepack(nodeBytes: number, level: number): number {
  const children = Math.floor(nodeBytes / (layout.SLOT_BYTES + layout.BRANCH_WORDS * 4));
  return children + nodesPerChange(level);
}

/**
 * Lays out anew the leaves below the branch that covers `from`, if that saves enough. Answers whether leaves follow, and
 * fills `next` with where to go on; an empty key is where to begin.
 */
export function repackDense(tree: Tree, slabs: Slabs, from: Key, next: Key): boolean {
  if (tree.level === 0) return false;
  const node = new Node(slabs).open(tree.root);
  let more = false;
  while (node.level > 1) {
    const slot = node.childSlot(from);
    if (slot + 1 < node.count) {
      node.readKey(slot + 1, next);
      more = true;
    }
    node.open(node.child(slot));
  }
  const fillBytes = denseBytes(slabs.nodeBytes);
  if (denseNodes(node, fillBytes) < node.count * WORTH) {
    tree.find(from);
    tree.repackSiblings(fillBytes);
  }
  return more;
}

/** About how many leaves the entries below a branch take when packed. */
function denseNodes(branch: Node, fillBytes: number): number {
  const leaf = new Node(branch.slabs);
  let bytes = 0;
  for (let slot = 0; slot < branch.count; slot++)
    bytes += leaf.open(branch.child(slot)).usedBytes - layout.NODE_HEADER_BYTES;
  return Math.ceil(bytes / (fillBytes - layout.NODE_HEADER_BYTES));
}
