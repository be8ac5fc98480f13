import * as layout from '../../native-layout/node.js';
import type { Slabs } from '../memory/slabs.js';
import type { TreeKind } from './kinds.js';
import { Node } from './node.js';

/**
 * Tells `reach` every node of a tree as of a commit, value nodes included. It answers `false` for a node that it was told
 * before, and nothing below that one is told again: trees of successive commits share most of their nodes.
 *
 * Goes no further where a node was born after the commit: it is another's by now, so nobody can be reading this commit.
 */
export function reachTree(
  slabs: Slabs,
  kind: TreeKind,
  root: number,
  commit: number,
  reach: (id: number) => boolean,
): void {
  const node = enter(slabs, root, commit, reach);
  if (node === undefined) return;
  const { count } = node;
  for (let slot = 0; slot < count; slot++) {
    if (!node.isLeaf) {
      reachTree(slabs, kind, node.child(slot), commit, reach);
      continue;
    }
    let value = kind.valueNode(node.words, node.payloadAt(slot), node.payloadWords(slot));
    while (value !== layout.NIL) {
      const part = enter(slabs, value, commit, reach);
      value = part === undefined ? layout.NIL : part.words[part.at + layout.VALUE_NEXT];
    }
  }
}

function enter(slabs: Slabs, id: number, commit: number, reach: (id: number) => boolean): Node | undefined {
  if (id === layout.NIL || id >= slabs.capacity) return undefined;
  const node = new Node(slabs).open(id);
  return node.birth <= commit && reach(id) ? node : undefined;
}
