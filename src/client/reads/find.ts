import { NIL } from '../../../native-layout/node.js';
import type { Key } from '../../key.js';
import type { Node } from '../../tree/node.js';

/** Moves `node` to the leaf that covers the key; answers the key's slot, or a negative number where it is not there. */
export function findIn(node: Node, root: number, key: Key): number {
  if (root === NIL) return -1;
  node.open(root);
  while (!node.isLeaf) node.open(node.child(node.childSlot(key)));
  return node.search(key);
}
