import * as layout from '../../../native-layout/shard-control.js';
import { NIL } from '../../../native-layout/node.js';
import { assert } from '../../assert.js';
import { Key } from '../../key.js';
import type { Control } from '../../memory/control.js';
import { PinRow } from '../../memory/pins.js';
import type { Slabs } from '../../memory/slabs.js';
import { nameAt, nameKey, refKey } from '../../tree/names.js';
import { Node } from '../../tree/node.js';

/** One shard as one thread reads it: its pins, and flyweights over its nodes. Nothing here can change a node. */
export class ShardView {
  readonly slabs: Slabs;
  readonly control: Control;
  readonly pins: PinRow;
  /** Where {@link find} ended. */
  readonly node: Node;
  readonly #nameNode: Node;
  readonly #key = new Key();
  /** Owner names by reference, as long as the names tree stays the same. */
  readonly #names = new Map<number, string>();
  #namesRoot = NIL;
  #namesBirth = 0;

  constructor(slabs: Slabs, control: Control, row: number) {
    this.slabs = slabs;
    this.control = control;
    this.pins = new PinRow(control, row);
    this.node = new Node(slabs);
    this.#nameNode = new Node(slabs);
  }

  leasesRoot(pin: number): number {
    return this.control.words[this.#slot(pin) + layout.SLOT_LEASES];
  }

  ownersRoot(pin: number): number {
    return this.control.words[this.#slot(pin) + layout.SLOT_OWNERS];
  }

  /** Moves {@link node} to the leaf that covers the key; answers the slot, or a negative number. */
  find(root: number, key: Key): number {
    if (root === NIL) return -1;
    const node = this.node.open(root);
    while (!node.isLeaf) node.open(node.child(node.childSlot(key)));
    return node.search(key);
  }

  /** The name behind a reference in the pinned commit. */
  ownerName(pin: number, ref: number): string {
    const root = this.control.words[this.#slot(pin) + layout.SLOT_NAMES];
    this.#checkNames(root);
    return this.#names.get(ref) ?? this.#readName(root, ref);
  }

  /** The reference of an owner in the pinned commit; 0 if it holds nothing in this shard. */
  ownerRef(pin: number, name: Uint8Array): number {
    const root = this.control.words[this.#slot(pin) + layout.SLOT_NAMES];
    const slot = this.find(root, nameKey(this.#key, name));
    return slot < 0 ? 0 : this.node.words[this.node.payloadAt(slot)];
  }

  #slot(pin: number): number {
    return layout.commitSlotIndex(this.pins.slot(pin));
  }

  /** A root that was reused for another tree has another birth. */
  #checkNames(root: number): void {
    const birth = this.#nameNode.open(root).birth;
    if (root === this.#namesRoot && birth === this.#namesBirth) return;
    this.#names.clear();
    this.#namesRoot = root;
    this.#namesBirth = birth;
  }

  #readName(root: number, ref: number): string {
    const node = this.#nameNode.open(root);
    const key = refKey(this.#key, ref);
    while (!node.isLeaf) node.open(node.child(node.childSlot(key)));
    const slot = node.search(key);
    assert(slot >= 0, 'a lease refers to an owner without a name');
    const name = Buffer.from(nameAt(node.words, node.bytes, node.payloadAt(slot))).toString('utf8');
    this.#names.set(ref, name);
    return name;
  }
}
