import * as lease from '../../native-layout/lease-record.js';
import { PAYLOAD_WORDS_MAX } from '../../native-layout/node.js';
import { Key } from '../key.js';
import { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { BulkLoader } from '../tree/bulk-load.js';
import { LEASES } from '../tree/kinds.js';
import { Node } from '../tree/node.js';
import { storeValue } from '../tree/values.js';
import { LeaseTable, type Roots } from './lease-table.js';

const EMPTY: Roots = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };

/**
 * Builds the trees of one shard in empty slabs from leases that come in key order, all in one commit. Leases are laid
 * out densely; their owners' entries, which come in another order, are inserted.
 */
export class TableLoader {
  readonly slabs: Slabs;
  readonly #allocator: NodeAllocator;
  readonly #leases: BulkLoader;
  readonly #table: LeaseTable;
  readonly #node: Node;
  readonly #ownerKey = new Key();
  readonly #payload = new Uint32Array(PAYLOAD_WORDS_MAX);
  /** References by the array that holds the name: a caller that hands over the same one saves a search. */
  readonly #refs = new Map<Uint8Array, number>();

  constructor(slabs: Slabs) {
    this.slabs = slabs;
    this.#allocator = new NodeAllocator(slabs, 0);
    this.#leases = new BulkLoader(LEASES, slabs, this.#allocator);
    this.#table = new LeaseTable(slabs, this.#allocator, EMPTY);
    this.#node = new Node(slabs);
  }

  /** Whether one more lease, with a value of so many bytes outside of its leaf, is certain to fit. */
  hasRoom(valueBytes: number): boolean {
    return this.#allocator.available > this.#leases.nodesNeeded + this.#table.nodesNeeded(valueBytes);
  }

  /**
   * Adds a lease as `size` words at `at` of another table store it; of those, the reference to its owner is replaced,
   * and the one to its value if that is handed over because it lies in nodes of its own. Only if it has room.
   */
  add(key: Key, words: Uint32Array, at: number, size: number, owner: Uint8Array, value: Uint8Array | undefined): void {
    const payload = this.#payload;
    for (let i = 0; i < size; i++) payload[i] = words[at + i];
    const ref = this.#refOf(owner);
    payload[lease.OWNER_REF] = ref;
    if (value !== undefined) payload[lease.VALUE_START] = storeValue(this.#node, this.#allocator, LEASES.id, value);
    this.#leases.add(key, payload, size);
    const { owners } = this.#table;
    owners.find(this.#ownerKey.setNumberPrefixed(ref, key));
    owners.insert(this.#ownerKey, payload, 0);
  }

  /** The trees with everything that was added. */
  finish(): Roots {
    return { ...this.#table.roots, leases: this.#leases.finish(), leaseCount: this.#leases.count };
  }

  #refOf(owner: Uint8Array): number {
    let ref = this.#refs.get(owner);
    if (ref === undefined) {
      ref = this.#table.names.refOf(owner);
      this.#refs.set(owner, ref);
    }
    return ref;
  }
}
