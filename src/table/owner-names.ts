import { PAYLOAD_WORDS_MAX } from '../../native-layout/node.js';
import { assert } from '../assert.js';
import { Key, putRef } from '../key.js';
import type { Slabs } from '../memory/slabs.js';
import { rank } from '../tree/aggregate.js';
import { NAME_PAYLOAD_WORDS, nameAt, nameKey, putName, refKey } from '../tree/names.js';
import { Node } from '../tree/node.js';
import type { Tree } from '../tree/tree.js';

/** The names tree as its writer sees it: gives out references, and takes them back with an owner's last lease. */
export class OwnerNames {
  readonly tree: Tree;
  readonly #node: Node;
  readonly #key = new Key();
  readonly #payload = new Uint32Array(PAYLOAD_WORDS_MAX);
  /** Where the search for a free reference goes on. */
  #next = 1;

  constructor(tree: Tree, slabs: Slabs) {
    this.tree = tree;
    this.#node = new Node(slabs);
  }

  /** The reference of a name, or 0 if no lease has that owner. */
  find(name: Uint8Array): number {
    return this.tree.find(nameKey(this.#key, name)) ? this.tree.payload[this.tree.payloadAt] : 0;
  }

  /** The reference of a name, given out now if it has none. */
  refOf(name: Uint8Array): number {
    const known = this.find(name);
    if (known !== 0) return known;
    const ref = this.#freeRef();
    this.#payload[0] = ref;
    this.tree.find(nameKey(this.#key, name));
    this.tree.insert(this.#key, this.#payload, NAME_PAYLOAD_WORDS);
    this.tree.find(refKey(this.#key, ref));
    this.tree.insert(this.#key, this.#payload, putName(this.#payload, name));
    return ref;
  }

  /** A copy of the name behind a reference. */
  nameOf(ref: number): Uint8Array {
    assert(this.tree.find(refKey(this.#key, ref)), 'a lease refers to an owner without a name');
    const { payload, payloadAt } = this.tree;
    return nameAt(payload, new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength), payloadAt);
  }

  /** Forgets a name that no entry of the owners tree refers to any more. */
  dropUnused(ref: number, owners: Tree): void {
    if (ownerEntries(this.#node, owners.root, ref) > 0) return;
    const name = this.nameOf(ref);
    this.tree.remove();
    if (this.tree.find(nameKey(this.#key, name))) this.tree.remove();
  }

  #freeRef(): number {
    for (;;) {
      const ref = this.#next;
      this.#next = ref === 0xffffffff ? 1 : ref + 1;
      if (!this.tree.find(refKey(this.#key, ref))) return ref;
    }
  }
}

const from = new Key();
const to = new Key();

/** Leases that an owner holds. */
export function ownerEntries(node: Node, owners: number, ref: number): number {
  putRef(from.bytes, ref);
  from.setLength(4);
  putRef(to.bytes, ref + 1);
  to.setLength(4);
  const below = rank(node, owners, from);
  return rank(node, owners, ref === 0xffffffff ? undefined : to) - below;
}
