import * as layout from '../../native-layout/node.js';
import { VALUE_START } from '../../native-layout/lease-record.js';
import { assert } from '../assert.js';
import type { Slabs } from '../memory/slabs.js';
import type { TreeKind } from '../tree/kinds.js';
import { Node } from '../tree/node.js';
import { valueNodes } from '../tree/values.js';

/*
 * A node as a checkpoint keeps it: header and slots, then the cells and the prefix; the gap between them is left out.
 * References are to ordinals in the file. Children come before their parents, and a node loaded in order gets its
 * ordinal as its id, so that loading changes no reference.
 */

/** Takes a node's image in two pieces; answers its ordinal. */
export type ImageSink = (head: Uint8Array, tail: Uint8Array) => number;

/** Streams a whole tree to `sink`, deepest nodes first; answers the ordinal of its root. */
export class TreeSaver {
  readonly #slabs: Slabs;
  readonly #sink: ImageSink;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #node: Node;

  constructor(slabs: Slabs, sink: ImageSink) {
    this.#slabs = slabs;
    this.#sink = sink;
    this.#words = new Uint32Array(slabs.nodeWords);
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#node = new Node(slabs);
  }

  save(kind: TreeKind, root: number): number {
    return root === layout.NIL ? layout.NIL : this.#save(kind, root);
  }

  #save(kind: TreeKind, id: number): number {
    const node = new Node(this.#slabs).open(id);
    const references: { at: number; ordinal: number }[] = [];
    for (let slot = 0; slot < node.count; slot++) {
      const at = node.payloadAt(slot);
      if (!node.isLeaf) {
        references.push({ at: at + layout.CHILD - node.at, ordinal: this.#save(kind, node.child(slot)) });
        continue;
      }
      const value = kind.valueNode(node.words, at, node.payloadWords(slot));
      if (value !== layout.NIL) references.push({ at: at + VALUE_START - node.at, ordinal: this.#saveValue(value) });
    }
    this.#copy(node);
    for (const { at, ordinal } of references) this.#words[at] = ordinal;
    const headBytes = layout.NODE_HEADER_BYTES + node.count * layout.SLOT_BYTES;
    return this.#emit(headBytes, this.#words[layout.HEAP_START]);
  }

  /** A chain of value nodes, last first, so that each can name the one behind it. */
  #saveValue(first: number): number {
    let next: number = layout.NIL;
    for (const id of [...valueNodes(this.#node, first)].reverse()) {
      const node = this.#node.open(id);
      this.#copy(node);
      this.#words[layout.VALUE_NEXT] = next;
      const end = layout.VALUE_DATA_BYTES + this.#words[layout.VALUE_BYTES];
      next = this.#emit((end + 3) & ~3, this.#slabs.nodeBytes);
    }
    return next;
  }

  /** Birth and id are the loader's to give. */
  #copy(node: Node): void {
    this.#words.set(node.words.subarray(node.at, node.at + this.#slabs.nodeWords));
    this.#words[layout.BIRTH] = 0;
    this.#words[layout.BIRTH + 1] = 0;
    this.#words[layout.SELF] = layout.NIL;
  }

  #emit(headBytes: number, tailFrom: number): number {
    return this.#sink(this.#bytes.subarray(0, headBytes), this.#bytes.subarray(tailFrom));
  }
}

/** Puts an image into the node whose id is its ordinal. `false` if it cannot be one. */
export function loadImage(slabs: Slabs, ordinal: number, image: Uint8Array): boolean {
  if (image.length < layout.NODE_HEADER_BYTES || image.length > slabs.nodeBytes) return false;
  assert(ordinal < slabs.capacity, 'more images than nodes');
  const bytes = slabs.bytes[ordinal >>> slabs.shift];
  const words = slabs.words[ordinal >>> slabs.shift];
  const at = (ordinal & slabs.mask) * slabs.nodeWords;
  const head = headBytesOf(image, slabs.nodeBytes);
  if (head < 0) return false;
  bytes.set(image.subarray(0, head), at * 4);
  bytes.set(image.subarray(head), at * 4 + slabs.nodeBytes - (image.length - head));
  words[at + layout.SELF] = ordinal;
  return true;
}

/** Where the image's second piece begins, or -1 if its lengths contradict each other. */
function headBytesOf(image: Uint8Array, nodeBytes: number): number {
  const words = new Uint32Array(image.buffer, image.byteOffset, layout.NODE_HEADER_BYTES / 4);
  if (image[layout.KIND] === layout.VALUE) return image.length;
  const head = layout.NODE_HEADER_BYTES + words[layout.COUNT] * layout.SLOT_BYTES;
  const heap = words[layout.HEAP_START];
  return head <= image.length && heap <= nodeBytes && nodeBytes - heap === image.length - head ? head : -1;
}
