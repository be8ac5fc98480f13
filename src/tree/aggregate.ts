import { TICK_MS, TICK_NONE } from '../../native-layout/lease-record.js';
import { NIL } from '../../native-layout/node.js';
import type { Key } from '../key.js';
import type { Slabs } from '../memory/slabs.js';
import type { TreeKind } from './kinds.js';
import { Node } from './node.js';

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

/**
 * Entries with `from` ≤ key < `to` whose deadline lies behind `nowMs`. A child that lies wholly in the range and whose
 * bound proves all below alive is counted without being visited.
 */
export function countLive(
  slabs: Slabs,
  kind: TreeKind,
  root: number,
  from: Key | undefined,
  to: Key | undefined,
  nowMs: number,
): number {
  if (root === NIL) return 0;
  const node = new Node(slabs).open(root);
  if (node.isLeaf) return countLiveSlots(node, kind, from, to, nowMs);
  const first = from === undefined ? 0 : node.childSlot(from);
  const last = to === undefined ? node.count - 1 : node.childSlot(to);
  let live = 0;
  for (let slot = first; slot <= last; slot++) {
    const lower = slot === first ? from : undefined;
    const upper = slot === last ? to : undefined;
    const whole = lower === undefined && upper === undefined;
    // A tick is a lower bound: all below live if even its first millisecond has not come.
    if (whole && node.earliest(slot) * TICK_MS > nowMs) live += node.below(slot);
    else live += countLive(slabs, kind, node.child(slot), lower, upper, nowMs);
  }
  return live;
}

function countLiveSlots(leaf: Node, kind: TreeKind, from: Key | undefined, to: Key | undefined, nowMs: number): number {
  const low = from === undefined ? 0 : slotOf(leaf, from);
  const high = to === undefined ? leaf.count : slotOf(leaf, to);
  let live = 0;
  for (let slot = low; slot < high; slot++) if (kind.deadlineMs(leaf.words, leaf.payloadAt(slot)) > nowMs) live++;
  return live;
}

/** Slot of the first key that is not before `key`. */
function slotOf(leaf: Node, key: Key): number {
  const found = leaf.search(key);
  return found >= 0 ? found : ~found;
}
