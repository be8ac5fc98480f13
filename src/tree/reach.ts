import { NIL } from '../../native-layout/node.js';
import type { Slabs } from '../memory/slabs.js';
import type { TreeKind } from './kinds.js';
import { Node } from './node.js';
import { valueNodes } from './values.js';

/**
 * Tells `reach` every node of a tree, value nodes included. It answers `false` for a node that it was told before, and
 * nothing below that one is told again: trees of successive commits share most of their nodes.
 */
export function reachTree(slabs: Slabs, kind: TreeKind, root: number, reach: (id: number) => boolean): void {
  if (root === NIL || !reach(root)) return;
  const node = new Node(slabs).open(root);
  const { count } = node;
  if (!node.isLeaf) {
    for (let slot = 0; slot < count; slot++) reachTree(slabs, kind, node.child(slot), reach);
    return;
  }
  const value = new Node(slabs);
  for (let slot = 0; slot < count; slot++) {
    const first = kind.valueNode(node.words, node.payloadAt(slot), node.payloadWords(slot));
    if (first !== NIL) for (const id of valueNodes(value, first)) reach(id);
  }
}
