import { OWNER_REF_BYTES } from '../../../native-layout/format.js';
import { EXPIRES_AT, OWNER_REF, u53 } from '../../../native-layout/lease-record.js';
import { NIL } from '../../../native-layout/node.js';
import { assert } from '../../assert.js';
import { Key } from '../../key.js';
import { Cursor } from '../../tree/cursor.js';
import { Node } from '../../tree/node.js';
import { findIn } from './find.js';
import type { OwnerNameCache } from './owner-name-cache.js';
import { ownerBounds, type Plan } from './plan.js';
import { RunTexts } from './run-texts.js';
import type { ShardView } from './shard-view.js';

/**
 * Walks the leases of one shard that a plan covers, in its direction, over a commit that is pinned meanwhile. With an
 * owner it walks that owner's entries and looks up the lease of each.
 */
export class ShardScan {
  readonly view: ShardView;
  readonly shard: number;
  /** The leaf and slot that the lease lies in. */
  readonly leaf: Node;
  slot = 0;
  readonly #plan: Plan;
  readonly #nowMs: number;
  readonly #names: OwnerNameCache;
  readonly #cursor: Cursor;
  /** Slot under the cursor: the lease's own, or that of its owner's entry. */
  #at = 0;
  /** Slots that are left of the cursor's run. */
  #left = 0;
  readonly #texts: RunTexts;
  #key: Key | undefined;
  #keyIsFresh = false;
  #leasesRoot = NIL;
  #namesRoot = NIL;
  #started = false;

  constructor(view: ShardView, shard: number, names: OwnerNameCache, plan: Plan, nowMs: number) {
    this.view = view;
    this.shard = shard;
    this.#names = names;
    this.#plan = plan;
    this.#nowMs = nowMs;
    this.#cursor = new Cursor(view.slabs);
    this.leaf = plan.owner === undefined ? this.#cursor.leaf : new Node(view.slabs);
    const skip = plan.owner === undefined ? 0 : OWNER_REF_BYTES;
    this.#texts = new RunTexts(this.#cursor.leaf, skip, plan.limit, plan.type);
  }

  /** Moves to the next lease; `false` behind the last. `pin` holds the commit, the same one each time. */
  next(pin: number): boolean {
    if (!this.#started) this.#start(pin);
    const { owner, reverse, includeExpired } = this.#plan;
    do {
      if (this.#left > 0) this.#at += reverse ? -1 : 1;
      else if (!this.#nextRun()) return false;
      this.#left--;
      this.#keyIsFresh = false;
      if (owner === undefined) this.slot = this.#at;
      else this.#joinLease();
    } while (!includeExpired && this.expiresAtMs <= this.#nowMs);
    return true;
  }

  get expiresAtMs(): number {
    return u53(this.leaf.words, this.leaf.payloadAt(this.slot) + EXPIRES_AT);
  }

  get type(): string {
    return this.#texts.type(this.#at);
  }

  get id(): string {
    return this.#texts.id(this.#at);
  }

  get owner(): string {
    return this.#names.nameOf(this.#namesRoot, this.leaf.words[this.leaf.payloadAt(this.slot) + OWNER_REF]);
  }

  /** The current lease's key; read when first asked for. */
  get key(): Key {
    const key = (this.#key ??= new Key());
    if (this.#keyIsFresh) return key;
    this.#cursor.leaf.readKey(this.#at, key);
    if (this.#plan.owner !== undefined) key.dropRef();
    this.#keyIsFresh = true;
    return key;
  }

  #start(pin: number): void {
    this.#started = true;
    const { view } = this;
    const { owner, reverse, from, to } = this.#plan;
    this.#leasesRoot = view.leasesRoot(pin);
    this.#namesRoot = view.namesRoot(pin);
    if (owner === undefined) {
      this.#cursor.start(this.#leasesRoot, from, to, reverse);
      return;
    }
    const ref = view.ownerRef(pin, owner);
    // A cursor that was not started is at its end.
    if (ref === 0) return;
    const bounds = ownerBounds(this.#plan, ref);
    this.#cursor.start(view.ownersRoot(pin), bounds.from, bounds.to, reverse);
  }

  #nextRun(): boolean {
    if (!this.#cursor.nextRun()) return false;
    const { low, high } = this.#cursor;
    const { owner, reverse, limit } = this.#plan;
    this.#left = high - low;
    this.#at = reverse ? high - 1 : low;
    this.#texts.begin(low, high, reverse);
    if (owner === undefined && limit < Number.POSITIVE_INFINITY) {
      const wanted = Math.min(limit, high - low);
      this.leaf.fetchCells(reverse ? high - wanted : low, wanted);
    }
    return true;
  }

  /** From an owner's entry to the lease that it names. Both trees have one order, so it is often in the last leaf. */
  #joinLease(): void {
    const { leaf, key } = this;
    this.slot = leaf.id === NIL ? -1 : leaf.search(key);
    if (this.slot < 0) this.slot = findIn(leaf, this.#leasesRoot, key);
    assert(this.slot >= 0, 'an owner holds a lease that is not there');
  }
}
