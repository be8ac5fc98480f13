import * as layout from '../../native-layout/node.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Node } from './node.js';

/*
 * Values too long for a leaf, in chains of nodes of their own. Like any node they are never changed once published.
 */

/** The longest value that a leaf keeps among its cells: a quarter of a node, or what a cell can name. */
export function inlineValueBytesMax(nodeBytes: number, fixedWords: number): number {
  return Math.min(nodeBytes / 4, (layout.PAYLOAD_WORDS_MAX - fixedWords) * 4);
}

/** Bytes of a value that one node holds; all nodes of a chain but the last are full. */
export function valueBytesMax(nodeBytes: number): number {
  return nodeBytes - layout.VALUE_DATA_BYTES;
}

export function valueNodesFor(nodeBytes: number, valueBytes: number): number {
  return Math.ceil(valueBytes / valueBytesMax(nodeBytes));
}

/** Stores a value; answers the id of its first node. */
export function storeValue(node: Node, allocator: NodeAllocator, tree: number, value: Uint8Array): number {
  const room = valueBytesMax(node.slabs.nodeBytes);
  let next = layout.NIL;
  // Back to front, so that every node can name the one behind it.
  for (let at = Math.floor((value.length - 1) / room) * room; at >= 0; at -= room) {
    const length = Math.min(room, value.length - at);
    node.open(allocator.allocate());
    const byteAt = node.at * 4;
    node.bytes[byteAt + layout.KIND] = layout.VALUE;
    node.bytes[byteAt + layout.LEVEL] = 0;
    node.bytes[byteAt + layout.TREE] = tree;
    node.bytes[byteAt + layout.FLAGS] = 0;
    node.words[node.at + layout.COUNT] = 0;
    node.words[node.at + layout.PREFIX_BYTES] = 0;
    node.words[node.at + layout.HEAP_START] = 0;
    node.words[node.at + layout.DEAD_BYTES] = 0;
    node.words[node.at + layout.SELF] = node.id;
    node.words[node.at + layout.VALUE_NEXT] = next;
    node.words[node.at + layout.VALUE_BYTES] = length;
    const data = byteAt + layout.VALUE_DATA_BYTES;
    for (let i = 0; i < length; i++) node.bytes[data + i] = value[at + i];
    next = node.id;
  }
  return next;
}

/** Copies a chain's bytes into `target`, as many as that holds. */
export function readValue(node: Node, first: number, target: Uint8Array): Uint8Array {
  let at = 0;
  for (let id = first; id !== layout.NIL && at < target.length; id = node.words[node.at + layout.VALUE_NEXT]) {
    node.open(id);
    const data = node.at * 4 + layout.VALUE_DATA_BYTES;
    const length = Math.min(node.words[node.at + layout.VALUE_BYTES], target.length - at);
    for (let i = 0; i < length; i++) target[at + i] = node.bytes[data + i];
    at += length;
  }
  return target;
}

/** The ids of a chain, in order. */
export function* valueNodes(node: Node, first: number): Generator<number> {
  for (let id = first; id !== layout.NIL; ) {
    node.open(id);
    const next = node.words[node.at + layout.VALUE_NEXT];
    yield id;
    id = next;
  }
}

export function retireValue(node: Node, allocator: NodeAllocator, first: number): void {
  for (const id of valueNodes(node, first)) allocator.retire(id);
}
