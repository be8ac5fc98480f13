import { OWNER_REF, VALUE_SIZE, VALUE_SIZE_MASK } from '../../native-layout/lease-record.js';
import { NIL } from '../../native-layout/node.js';
import { compareKeys, Key } from '../key.js';
import type { Slabs } from '../memory/slabs.js';
import type { LeaseTable } from '../table/lease-table.js';
import { Cursor } from '../tree/cursor.js';
import { LEASES } from '../tree/kinds.js';
import { Node } from '../tree/node.js';
import { readValue } from '../tree/values.js';

/** The leases of one shard in key order, expired ones among them; speaks of one at a time. */
export class LeaseStream {
  readonly shard: number;
  readonly key = new Key();
  readonly #table: LeaseTable;
  readonly #cursor: Cursor;
  readonly #valueNode: Node;
  readonly #names = new Map<number, Uint8Array>();
  #slot = 0;
  #at = 0;

  constructor(shard: number, slabs: Slabs, table: LeaseTable) {
    this.shard = shard;
    this.#table = table;
    this.#cursor = new Cursor(slabs).start(table.roots.leases, undefined, undefined, false);
    this.#valueNode = new Node(slabs);
  }

  /** Goes to the next lease; `false` behind the last. */
  next(): boolean {
    const cursor = this.#cursor;
    if (++this.#slot >= cursor.high) {
      if (!cursor.nextRun()) return false;
      this.#slot = cursor.low;
    }
    cursor.leaf.readKey(this.#slot, this.key);
    this.#at = cursor.leaf.payloadAt(this.#slot);
    return true;
  }

  /** The words that the lease is in, from {@link at} on {@link size} of them. */
  get words(): Uint32Array {
    return this.#cursor.leaf.words;
  }

  get at(): number {
    return this.#at;
  }

  get size(): number {
    return this.#cursor.leaf.payloadWords(this.#slot);
  }

  /** The owner's name: the same array for the same owner. */
  get owner(): Uint8Array {
    const ref = this.words[this.#at + OWNER_REF];
    let name = this.#names.get(ref);
    if (name === undefined) {
      name = this.#table.names.nameOf(ref);
      this.#names.set(ref, name);
    }
    return name;
  }

  /** A copy of the value if it lies in nodes of its own. */
  get distantValue(): Uint8Array | undefined {
    const { words } = this;
    const first = LEASES.valueNode(words, this.#at, this.size);
    if (first === NIL) return undefined;
    return readValue(this.#valueNode, first, new Uint8Array(words[this.#at + VALUE_SIZE] & VALUE_SIZE_MASK));
  }
}

/** All leases of all streams in key order: yields the stream whose turn it is. */
export function* inKeyOrder(streams: readonly LeaseStream[]): Generator<LeaseStream> {
  // A heap whose first is the one with the least key; a sorted array is one.
  const heap = streams.filter((stream) => stream.next()).sort((a, b) => compareKeys(a.key, b.key));
  while (heap.length > 0) {
    yield heap[0];
    if (!heap[0].next()) {
      const last = heap.pop() as LeaseStream;
      if (heap.length > 0) heap[0] = last;
    }
    siftDown(heap);
  }
}

function siftDown(heap: LeaseStream[]): void {
  for (let at = 0; ; ) {
    const left = 2 * at + 1;
    if (left >= heap.length) return;
    const right = left + 1;
    const least = right < heap.length && compareKeys(heap[right].key, heap[left].key) < 0 ? right : left;
    if (compareKeys(heap[at].key, heap[least].key) <= 0) return;
    [heap[at], heap[least]] = [heap[least], heap[at]];
    at = least;
  }
}
