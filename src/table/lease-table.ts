import * as lease from '../../native-layout/lease-record.js';
import { PAYLOAD_WORDS_MAX } from '../../native-layout/node.js';
import { Key } from '../key.js';
import { KeyRun } from '../tree/key-run.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Commit } from '../memory/control.js';
import type { Slabs } from '../memory/slabs.js';
import { LEASES, NAMES, OWNERS } from '../tree/kinds.js';
import { Node } from '../tree/node.js';
import { LEVELS_MAX, nodesPerChange, Tree } from '../tree/tree.js';
import { inlineValueBytesMax, readValue, retireValue, storeValue, valueNodesFor } from '../tree/values.js';
import { OwnerNames } from './owner-names.js';

/** The roots and counts that a commit slot keeps. */
export type Roots = Pick<Commit, 'leases' | 'owners' | 'names' | 'leaseCount' | 'ownerCount' | 'nameCount'>;

/** More nodes than one change can need, however tall the trees and whatever the value. */
export const NODES_NEEDED_MAX = 8 * nodesPerChange(LEVELS_MAX);

/**
 * The leases of one shard with their owners, as three trees that change together. It knows how a lease is stored, not
 * when one may be granted: the live shard and recovery both write through it, so that replay does what was done.
 */
export class LeaseTable {
  readonly leases: Tree;
  readonly owners: Tree;
  readonly names: OwnerNames;
  readonly #slabs: Slabs;
  readonly #allocator: NodeAllocator;
  readonly #node: Node;
  readonly #ownerKey = new Key();
  /** Of a run of leases to be removed: each one's owner, and the entries of one owner. */
  readonly #runOwners: number[] = [];
  readonly #entries = new KeyRun();
  readonly #payload = new Uint32Array(PAYLOAD_WORDS_MAX);
  readonly #payloadBytes = new Uint8Array(this.#payload.buffer);
  readonly #inlineMax: number;

  constructor(slabs: Slabs, allocator: NodeAllocator, roots: Roots) {
    this.#slabs = slabs;
    this.#allocator = allocator;
    this.#node = new Node(slabs);
    this.leases = new Tree(LEASES, slabs, allocator, roots.leases, roots.leaseCount);
    this.owners = new Tree(OWNERS, slabs, allocator, roots.owners, roots.ownerCount);
    this.names = new OwnerNames(new Tree(NAMES, slabs, allocator, roots.names, roots.nameCount), slabs);
    this.#inlineMax = inlineValueBytesMax(slabs.nodeBytes, lease.VALUE_START);
  }

  get roots(): Roots {
    return {
      leases: this.leases.root,
      owners: this.owners.root,
      names: this.names.tree.root,
      leaseCount: this.leases.count,
      ownerCount: this.owners.count,
      nameCount: this.names.tree.count,
    };
  }

  /** Forgets every change since `roots`. */
  reset(roots: Roots): void {
    this.leases.reset(roots.leases, roots.leaseCount);
    this.owners.reset(roots.owners, roots.ownerCount);
    this.names.tree.reset(roots.names, roots.nameCount);
  }

  /** Nodes that one change can need at most, a value of `valueBytes` included. */
  nodesNeeded(valueBytes: number): number {
    const paths = nodesPerChange(this.leases.level) + 2 * nodesPerChange(this.owners.level);
    return paths + 4 * nodesPerChange(this.names.tree.level) + valueNodesFor(this.#slabs.nodeBytes, valueBytes);
  }

  /** Looks a key up; the readers below then speak of its lease. */
  find(key: Key): boolean {
    return this.leases.find(key);
  }

  /** As {@link find}, of a lease that is most likely there and about to be renewed. */
  findForRenewal(key: Key): boolean {
    return this.leases.findForEdit(key);
  }

  get token(): number {
    return lease.u53(this.leases.payload, this.leases.payloadAt + lease.TOKEN);
  }

  get expiresAtMs(): number {
    return lease.u53(this.leases.payload, this.leases.payloadAt + lease.EXPIRES_AT);
  }

  get ttlMs(): number {
    return this.leases.payload[this.leases.payloadAt + lease.TTL];
  }

  get renewals(): number {
    return this.leases.payload[this.leases.payloadAt + lease.RENEWALS];
  }

  get ownerRef(): number {
    return this.leases.payload[this.leases.payloadAt + lease.OWNER_REF];
  }

  /** A copy of the found lease's value. */
  get value(): Uint8Array | undefined {
    const { payload: words, payloadAt: at } = this.leases;
    if (this.leases.payloadWords <= lease.VALUE_SIZE) return undefined;
    const size = words[at + lease.VALUE_SIZE];
    const value = new Uint8Array(size & lease.VALUE_SIZE_MASK);
    if ((size & lease.VALUE_IN_NODES) !== 0) return readValue(this.#node, words[at + lease.VALUE_START], value);
    const bytes = new Uint8Array(words.buffer, words.byteOffset + (at + lease.VALUE_START) * 4, value.length);
    value.set(bytes);
    return value;
  }

  /** Stores a grant over whatever the key held. The last {@link find} was for this key. */
  grant(
    key: Key,
    found: boolean,
    owner: Uint8Array,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    const before = found ? this.ownerRef : 0;
    const ref = this.names.refOf(owner);
    const payload = this.#payload;
    lease.setU53(payload, lease.EXPIRES_AT, expiresAtMs);
    lease.setU53(payload, lease.TOKEN, token);
    payload[lease.TTL] = ttlMs;
    payload[lease.OWNER_REF] = ref;
    payload[lease.SESSION_REF] = 0;
    payload[lease.RENEWALS] = renewals;
    this.#put(key, found, this.#putValue(value));
    if (before === ref) return;
    this.owners.find(this.#ownerKey.setNumberPrefixed(ref, key));
    this.owners.insert(this.#ownerKey, payload, 0);
    if (found) this.#disown(before, key);
  }

  /** Moves the found lease's deadline; nothing but a few words of one leaf changes unless there is a new value. */
  renew(key: Key, expiresAtMs: number, ttlMs: number, renewals: number, value: Uint8Array | undefined): void {
    if (value !== undefined) {
      this.#copyFixed();
      this.#setDeadline(this.#payload, 0, expiresAtMs, ttlMs, renewals);
      this.#put(key, true, this.#putValue(value));
      return;
    }
    const { leases } = this;
    leases.edit();
    this.#setDeadline(leases.payload, leases.payloadAt, expiresAtMs, ttlMs, renewals);
    leases.lowerBound(lease.tickOf(expiresAtMs));
  }

  /** Removes the found lease. */
  remove(key: Key): void {
    const owner = this.ownerRef;
    this.#retireValue();
    this.leases.remove();
    this.#disown(owner, key);
  }

  /**
   * Removes leases in one go, which costs a fraction of one by one: neighbours share their paths, and mostly their owners.
   * The keys are in order, and all are stored. `visit` sees each lease's token just before.
   */
  removeAll(keys: KeyRun, visit: (key: Key, token: number) => void): void {
    const refs = this.#runOwners;
    for (let next = 0; next < keys.length; ) {
      next = this.leases.removeRun(keys, next, (i, words, at, size) => {
        visit(keys.at(i), lease.u53(words, at + lease.TOKEN));
        refs[i] = words[at + lease.OWNER_REF];
        const value = LEASES.valueNode(words, at, size);
        if (value !== 0) retireValue(this.#node, this.#allocator, value);
      });
    }
    for (let i = 0; i < keys.length; i++) if (refs[i] !== 0) this.#disownAll(refs[i], keys, i);
  }

  /** Takes all keys of an owner, from index `from` on, out of its entries, and marks them as done. */
  #disownAll(ref: number, keys: KeyRun, from: number): void {
    const refs = this.#runOwners;
    const entries = this.#entries.clear();
    for (let i = from; i < keys.length; i++) {
      if (refs[i] !== ref) continue;
      entries.add().setNumberPrefixed(ref, keys.at(i));
      refs[i] = 0;
    }
    for (let next = 0; next < entries.length; ) next = this.owners.removeRun(entries, next);
    this.names.dropUnused(ref, this.owners);
  }

  #setDeadline(words: Uint32Array, at: number, expiresAtMs: number, ttlMs: number, renewals: number): void {
    lease.setU53(words, at + lease.EXPIRES_AT, expiresAtMs);
    words[at + lease.TTL] = ttlMs;
    words[at + lease.RENEWALS] = renewals;
  }

  #copyFixed(): void {
    const { payload, payloadAt } = this.leases;
    for (let i = 0; i < lease.LEASE_WORDS; i++) this.#payload[i] = payload[payloadAt + i];
  }

  /** Writes `words` of the prepared payload under the key. */
  #put(key: Key, found: boolean, words: number): void {
    const { leases } = this;
    if (!found) {
      leases.insert(key, this.#payload, words);
      return;
    }
    this.#retireValue();
    if (leases.payloadWords !== words) {
      leases.replace(key, this.#payload, words);
      return;
    }
    leases.edit();
    const target = leases.payload;
    const at = leases.payloadAt;
    for (let i = 0; i < words; i++) target[at + i] = this.#payload[i];
    leases.lowerBound(LEASES.tick(this.#payload, 0));
  }

  /** Appends a value to the prepared payload; answers the payload's words. */
  #putValue(value: Uint8Array | undefined): number {
    if (value === undefined) return lease.LEASE_WORDS;
    const payload = this.#payload;
    if (value.length > this.#inlineMax) {
      payload[lease.VALUE_SIZE] = (value.length | lease.VALUE_IN_NODES) >>> 0;
      payload[lease.VALUE_START] = storeValue(this.#node, this.#allocator, LEASES.id, value);
      return lease.VALUE_START + 1;
    }
    payload[lease.VALUE_SIZE] = value.length;
    const words = (value.length + 3) >>> 2;
    if (words > 0) payload[lease.VALUE_START + words - 1] = 0;
    this.#payloadBytes.set(value, lease.VALUE_START * 4);
    return lease.VALUE_START + words;
  }

  #retireValue(): void {
    const { leases } = this;
    const first = LEASES.valueNode(leases.payload, leases.payloadAt, leases.payloadWords);
    if (first !== 0) retireValue(this.#node, this.#allocator, first);
  }

  /** Takes the key out of an owner's entries, and the owner's name away with its last entry. */
  #disown(ref: number, key: Key): void {
    if (this.owners.find(this.#ownerKey.setNumberPrefixed(ref, key))) this.owners.remove();
    this.names.dropUnused(ref, this.owners);
  }
}
