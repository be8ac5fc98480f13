import { EXPIRES_AT, u53 } from '../../../native-layout/lease-record.js';
import { assert } from '../../assert.js';
import { Key } from '../../key.js';
import { Cursor } from '../../tree/cursor.js';
import type { Node } from '../../tree/node.js';
import { ownerBounds, type Plan } from './plan.js';
import type { ShardView } from './shard-view.js';

/** Walks the leases of one shard that a plan covers, in its direction, over a commit that is pinned meanwhile. */
export class ShardScan {
  readonly view: ShardView;
  readonly shard: number;
  /** The leaf and slot that the lease lies in. */
  leaf: Node;
  slot = 0;
  readonly #cursor: Cursor;
  readonly #plan: Plan;
  readonly #nowMs: number;
  readonly #key = new Key();
  #keyFresh = false;
  #left = 0;
  #at = 0;
  #leasesRoot = 0;
  #started = false;

  constructor(view: ShardView, shard: number, plan: Plan, nowMs: number) {
    this.view = view;
    this.shard = shard;
    this.#plan = plan;
    this.#nowMs = nowMs;
    this.#cursor = new Cursor(view.slabs);
    this.leaf = this.#cursor.leaf;
  }

  /** Moves to the next lease; `false` behind the last. `pin` holds the commit, the same one each time. */
  next(pin: number): boolean {
    if (!this.#started) this.#start(pin);
    do {
      if (this.#left === 0 && !this.#nextRun()) return false;
      this.#left--;
      this.slot = this.#plan.reverse ? this.#at-- : this.#at++;
      this.#keyFresh = false;
      if (this.#plan.owner !== undefined) this.#joinLease();
    } while (!this.#plan.includeExpired && this.expiresAtMs <= this.#nowMs);
    return true;
  }

  get expiresAtMs(): number {
    return u53(this.leaf.words, this.leaf.payloadAt(this.slot) + EXPIRES_AT);
  }

  /** The current lease's key; read when first asked for. */
  get key(): Key {
    if (!this.#keyFresh) this.leaf.readKey(this.slot, this.#key);
    this.#keyFresh = true;
    return this.#key;
  }

  #start(pin: number): void {
    this.#started = true;
    const { view } = this;
    const { owner, reverse, from, to } = this.#plan;
    this.#leasesRoot = view.leasesRoot(pin);
    if (owner === undefined) {
      this.#cursor.start(this.#leasesRoot, from, to, reverse);
      return;
    }
    const ref = view.ownerRef(pin, owner);
    if (ref === 0) return;
    const bounds = ownerBounds(this.#plan, ref);
    this.#cursor.start(view.ownersRoot(pin), bounds.from, bounds.to, reverse);
  }

  #nextRun(): boolean {
    if (!this.#cursor.nextRun()) return false;
    const { low, high } = this.#cursor;
    this.#left = high - low;
    this.#at = this.#plan.reverse ? high - 1 : low;
    return true;
  }

  /** From an owner's entry to the lease that it names. */
  #joinLease(): void {
    const key = this.#cursor.leaf.readKey(this.slot, this.#key).dropRef();
    const slot = this.view.find(this.#leasesRoot, key);
    assert(slot >= 0, 'an owner holds a lease that is not there');
    this.leaf = this.view.node;
    this.slot = slot;
    this.#keyFresh = true;
  }
}
