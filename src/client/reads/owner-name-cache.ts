import { NIL } from '../../../native-layout/node.js';
import { assert } from '../../assert.js';
import { Key } from '../../key.js';
import type { Slabs } from '../../memory/slabs.js';
import { nameAt, refKey } from '../../tree/names.js';
import { Node } from '../../tree/node.js';
import { findIn } from './find.js';

/** Names kept at most; a store with more owners than this reads the others from the tree each time they come up. */
const NAMES_MAX = 16_384;

/**
 * Owner names by reference. A reference means something only within one version of the names tree, which is known by
 * its root and that node's birth: a root that is reused for another version has another birth.
 */
export class OwnerNameCache {
  readonly #node: Node;
  readonly #key = new Key();
  readonly #names = new Map<number, string>();
  #root = NIL;
  #birth = 0;

  constructor(slabs: Slabs) {
    this.#node = new Node(slabs);
  }

  /** The name behind a reference in the names tree under `root`, which the caller keeps pinned. */
  nameOf(root: number, ref: number): string {
    const birth = this.#node.open(root).birth;
    if (root !== this.#root || birth !== this.#birth) this.#forget(root, birth);
    return this.#names.get(ref) ?? this.#read(root, ref);
  }

  #forget(root: number, birth: number): void {
    this.#names.clear();
    this.#root = root;
    this.#birth = birth;
  }

  #read(root: number, ref: number): string {
    const node = this.#node;
    const slot = findIn(node, root, refKey(this.#key, ref));
    assert(slot >= 0, 'a lease refers to an owner without a name');
    const name = Buffer.from(nameAt(node.words, node.bytes, node.payloadAt(slot))).toString('utf8');
    if (this.#names.size < NAMES_MAX) this.#names.set(ref, name);
    return name;
  }
}
