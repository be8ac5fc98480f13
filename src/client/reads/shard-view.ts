import * as layout from '../../../native-layout/shard-control.js';
import { Key } from '../../key.js';
import type { Control } from '../../memory/control.js';
import { PinRow } from '../../memory/pins.js';
import type { Slabs } from '../../memory/slabs.js';
import { nameKey } from '../../tree/names.js';
import { Node } from '../../tree/node.js';
import { findIn } from './find.js';

/**
 * One shard as one thread reads it: its pins, and the roots of what they hold. Nothing here can change a node. A pin is
 * good for {@link leasesRoot} and its like while it is active.
 */
export class ShardView {
  readonly slabs: Slabs;
  readonly pins: PinRow;
  /** For a question that is over before the next is asked. */
  readonly node: Node;
  readonly #words: Uint32Array;
  readonly #nameKey = new Key();

  /** `row` was claimed for this thread. */
  constructor(slabs: Slabs, control: Control, row: number) {
    this.slabs = slabs;
    this.pins = new PinRow(control, row);
    this.node = new Node(slabs);
    this.#words = control.words;
  }

  leasesRoot(pin: number): number {
    return this.#words[this.#slot(pin) + layout.SLOT_LEASES];
  }

  ownersRoot(pin: number): number {
    return this.#words[this.#slot(pin) + layout.SLOT_OWNERS];
  }

  namesRoot(pin: number): number {
    return this.#words[this.#slot(pin) + layout.SLOT_NAMES];
  }

  /** The reference of an owner in the pinned commit; 0 if it holds nothing in this shard. */
  ownerRef(pin: number, name: Uint8Array): number {
    const { node } = this;
    const slot = findIn(node, this.namesRoot(pin), nameKey(this.#nameKey, name));
    return slot < 0 ? 0 : node.words[node.payloadAt(slot)];
  }

  #slot(pin: number): number {
    return layout.commitSlotIndex(this.pins.slot(pin));
  }
}
