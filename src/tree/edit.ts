import { setU53 } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import type { Key } from '../key.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Node } from './node.js';

/*
 * Changes inside one node of the commit being built. Nothing here looks beyond the node.
 */

/** Replaces `node` by a copy that belongs to the commit being built; the original is retired. */
export function copyOnWrite(node: Node, allocator: NodeAllocator, target: Node): void {
  const from = node.id;
  target.open(allocator.allocate());
  node.slabs.copyNode(from, target.id);
  setU53(target.words, target.at + layout.BIRTH, allocator.commit);
  target.words[target.at + layout.SELF] = target.id;
  allocator.retire(from);
  node.open(target.id);
}

/** Starts an empty node. */
export function format(node: Node, tree: number, level: number): void {
  const { words, bytes, at, slabs } = node;
  const byteAt = at * 4;
  bytes[byteAt + layout.KIND] = level === 0 ? layout.LEAF : layout.BRANCH;
  bytes[byteAt + layout.LEVEL] = level;
  bytes[byteAt + layout.TREE] = tree;
  bytes[byteAt + layout.FLAGS] = 0;
  words[at + layout.COUNT] = 0;
  words[at + layout.PREFIX_BYTES] = 0;
  words[at + layout.HEAP_START] = slabs.nodeBytes;
  words[at + layout.DEAD_BYTES] = 0;
  words[at + layout.SELF] = node.id;
}

/** Whether a key can be a key of this node without its prefix or its packing changing. */
export function accepts(node: Node, key: Key): boolean {
  const prefixBytes = node.prefixBytes;
  if (key.length < prefixBytes) return false;
  if (node.uuidTail && key.uuidAt !== prefixBytes) return false;
  const at = node.prefixAt;
  for (let i = 0; i < prefixBytes; i++) if (node.bytes[at + i] !== key.bytes[i]) return false;
  return true;
}

/** Puts an entry at `slot`; `false`, and nothing changed but the order of cells, if it does not fit. */
export function insertAt(
  node: Node,
  slot: number,
  key: Key,
  payload: Uint32Array,
  payloadFrom: number,
  payloadWords: number,
): boolean {
  if (!accepts(node, key)) return false;
  const prefixBytes = node.prefixBytes;
  const suffix = node.uuidTail ? layout.HEAD_BYTES + 12 : key.length - prefixBytes;
  const need = layout.cellWords(suffix, payloadWords) * 4;
  if (!makeRoom(node, need + layout.SLOT_BYTES)) return false;
  const { words, at } = node;
  const count = words[at + layout.COUNT];
  const slotAt = at + layout.SLOTS + slot * layout.SLOT_WORDS;
  for (let i = at + layout.SLOTS + count * layout.SLOT_WORDS - 1; i >= slotAt; i--)
    words[i + layout.SLOT_WORDS] = words[i];
  writeCell(node, slotAt, key, suffix, payload, payloadFrom, payloadWords);
  words[at + layout.COUNT] = count + 1;
  return true;
}

/** Writes slot and cell of an entry whose room was made sure of. */
export function writeCell(
  node: Node,
  slotAt: number,
  key: Key,
  suffix: number,
  payload: Uint32Array,
  payloadFrom: number,
  payloadWords: number,
): void {
  const { words, bytes, at } = node;
  const heap = words[at + layout.HEAP_START] - layout.cellWords(suffix, payloadWords) * 4;
  words[at + layout.HEAP_START] = heap;
  const cell = at + (heap >>> 2);
  for (let i = 0; i < payloadWords; i++) words[cell + i] = payload[payloadFrom + i];
  const rest = cell + payloadWords;
  const prefixBytes = node.prefixBytes;
  if (node.uuidTail) {
    words[slotAt + layout.SLOT_HEAD] = key.u0;
    words[rest] = key.u1;
    words[rest + 1] = key.u2;
    words[rest + 2] = key.u3;
  } else {
    words[slotAt + layout.SLOT_HEAD] = key.wordAt(prefixBytes);
    const restAt = rest * 4 - layout.HEAD_BYTES;
    // Padding is written too: equal nodes are equal byte for byte.
    const padded = (suffix + 3) & ~3;
    for (let i = layout.HEAD_BYTES; i < padded; i++) bytes[restAt + i] = i < suffix ? key.bytes[prefixBytes + i] : 0;
  }
  words[slotAt + layout.SLOT_LOC] = layout.slotLoc(heap >>> 2, suffix, payloadWords);
}

/**
 * Takes in the entries of a neighbour, which come before all of this node's or behind them. `false`, and nothing changed but
 * the order of cells, if they do not fit, or if the two do not share prefix and packing, so that cells cannot move as they are.
 */
export function absorb(node: Node, other: Node, inFront: boolean): boolean {
  if (!laidOutAlike(node, other)) return false;
  const more = other.count;
  const padded = (other.prefixBytes + 3) & ~3;
  if (!makeRoom(node, other.usedBytes - layout.NODE_HEADER_BYTES - padded)) return false;
  const { words, at } = node;
  const count = words[at + layout.COUNT];
  const slots = at + layout.SLOTS;
  let slotAt = slots + count * layout.SLOT_WORDS;
  if (inFront) {
    for (let i = slotAt - 1; i >= slots; i--) words[i + more * layout.SLOT_WORDS] = words[i];
    slotAt = slots;
  }
  let cell = words[at + layout.HEAP_START] >>> 2;
  for (let slot = 0; slot < more; slot++, slotAt += layout.SLOT_WORDS) {
    const loc = other.loc(slot);
    const suffix = layout.suffixBytesOf(loc);
    const payloadWords = layout.payloadWordsOf(loc);
    const size = layout.cellWords(suffix, payloadWords);
    const from = other.at + layout.cellWordOf(loc);
    cell -= size;
    for (let i = 0; i < size; i++) words[at + cell + i] = other.words[from + i];
    words[slotAt + layout.SLOT_HEAD] = other.head(slot);
    words[slotAt + layout.SLOT_LOC] = layout.slotLoc(cell, suffix, payloadWords);
  }
  words[at + layout.COUNT] = count + more;
  words[at + layout.HEAP_START] = cell * 4;
  return true;
}

function laidOutAlike(a: Node, b: Node): boolean {
  const { prefixBytes } = a;
  if (prefixBytes !== b.prefixBytes || a.uuidTail !== b.uuidTail) return false;
  for (let i = 0; i < prefixBytes; i++) if (a.bytes[a.prefixAt + i] !== b.bytes[b.prefixAt + i]) return false;
  return true;
}

export function removeAt(node: Node, slot: number): void {
  const { words, at } = node;
  const loc = node.loc(slot);
  words[at + layout.DEAD_BYTES] += layout.cellWords(layout.suffixBytesOf(loc), layout.payloadWordsOf(loc)) * 4;
  const count = words[at + layout.COUNT] - 1;
  words[at + layout.COUNT] = count;
  const end = at + layout.SLOTS + count * layout.SLOT_WORDS;
  for (let i = at + layout.SLOTS + slot * layout.SLOT_WORDS; i < end; i++) words[i] = words[i + layout.SLOT_WORDS];
}

/** As {@link removeAt} for several slots, in ascending order. */
export function removeSlots(node: Node, slots: readonly number[]): void {
  const { words, at } = node;
  const count = words[at + layout.COUNT];
  const first = at + layout.SLOTS;
  let dead = 0;
  let kept = slots[0];
  for (let slot = kept, i = 0; slot < count; slot++) {
    if (slot === slots[i]) {
      const loc = node.loc(slot);
      dead += layout.cellWords(layout.suffixBytesOf(loc), layout.payloadWordsOf(loc)) * 4;
      i++;
      continue;
    }
    const from = first + slot * layout.SLOT_WORDS;
    const to = first + kept++ * layout.SLOT_WORDS;
    for (let w = 0; w < layout.SLOT_WORDS; w++) words[to + w] = words[from + w];
  }
  words[at + layout.COUNT] = count - slots.length;
  words[at + layout.DEAD_BYTES] += dead;
}

export function setBranchPayload(node: Node, slot: number, child: number, below: number, earliest: number): void {
  const payload = node.payloadAt(slot);
  node.words[payload + layout.CHILD] = child;
  node.words[payload + layout.BELOW] = below;
  node.words[payload + layout.EARLIEST] = earliest;
}

/** Makes sure that `bytes` lie free between slots and cells, pushing the living cells together if that helps. */
function makeRoom(node: Node, bytes: number): boolean {
  const { words, at } = node;
  const slotsEnd = layout.NODE_HEADER_BYTES + words[at + layout.COUNT] * layout.SLOT_BYTES;
  const gap = words[at + layout.HEAP_START] - slotsEnd;
  if (gap >= bytes) return true;
  if (gap + words[at + layout.DEAD_BYTES] < bytes) return false;
  compact(node);
  return true;
}

let scratch = new Uint32Array(0);

/** Rewrites the cells one behind the other, in slot order. */
function compact(node: Node): void {
  const { words, at, slabs } = node;
  if (scratch.length < slabs.nodeWords) scratch = new Uint32Array(slabs.nodeWords);
  for (let i = 0; i < slabs.nodeWords; i++) scratch[i] = words[at + i];
  let cell = (slabs.nodeBytes - ((node.prefixBytes + 3) & ~3)) >>> 2;
  for (let slot = node.count - 1; slot >= 0; slot--) {
    const locAt = at + layout.SLOTS + slot * layout.SLOT_WORDS + layout.SLOT_LOC;
    const loc = words[locAt];
    const size = layout.cellWords(layout.suffixBytesOf(loc), layout.payloadWordsOf(loc));
    cell -= size;
    const old = layout.cellWordOf(loc);
    for (let i = 0; i < size; i++) words[at + cell + i] = scratch[old + i];
    words[locAt] = layout.slotLoc(cell, layout.suffixBytesOf(loc), layout.payloadWordsOf(loc));
  }
  words[at + layout.HEAP_START] = cell * 4;
  words[at + layout.DEAD_BYTES] = 0;
}
