import { EXPIRES_AT, OWNER_REF, TOKEN, u53 } from '../../../native-layout/lease-record.js';
import { checkCountLive, checkToken, checkVisit } from '../../arguments.js';
import type { LeaseReads } from '../../lease-store.js';
import { Key, KeyEncoder } from '../../key.js';
import type { ActorKey, CountOptions, Lease, LeaseRange, LeaseView } from '../../lease.js';
import { countLive, countRange } from '../../tree/aggregate.js';
import { LEASES } from '../../tree/kinds.js';
import { decodeLease } from './decoder.js';
import { findIn } from './find.js';
import { LeaseLots } from './lease-lots.js';
import { ScanView } from './lease-view.js';
import { LotIterator } from './lot-iterator.js';
import { MergedScan } from './merge.js';
import { OwnerNameCache } from './owner-name-cache.js';
import type { ReadParts } from './parts.js';
import { expectOpen, type PinSource, PRESENT } from './pin-source.js';
import { ownerBounds, type Plan, planRange } from './plan.js';
import { ShardScan } from './scan.js';
import type { ShardView } from './shard-view.js';

/** Whoever sets so low a limit wants a page, and wants all of it: decoded in one go, it needs no pins that rest. */
const PAGE_MAX = 64;
/**
 * Reads in place: pins a commit, walks its nodes, lets go. The same code reads the present and snapshots; they differ
 * in where their pins come from and at which instant they judge expiry.
 */
export class Reads<V> implements LeaseReads<V> {
  readonly #p: ReadParts<V>;
  readonly #source: PinSource;
  /** The instant at which expiry is judged; `undefined` for the present. */
  readonly #atMs: number | undefined;
  readonly #encoder = new KeyEncoder();
  readonly #key = new Key();
  readonly #names: readonly OwnerNameCache[];

  constructor(parts: ReadParts<V>, source: PinSource = PRESENT, atMs?: number) {
    this.#p = parts;
    this.#source = source;
    this.#atMs = atMs;
    this.#names = parts.views.map(({ slabs }) => new OwnerNameCache(slabs));
  }

  get(key: ActorKey): Lease<V> | undefined {
    const encoded = this.#encoder.encode(this.#key, key);
    const shard = this.#p.router.shardOf(encoded);
    const view = this.#p.views[shard];
    for (let passedMs = this.#passedMs; ; ) {
      const pin = this.#source.acquire(view, shard);
      try {
        const { node } = view;
        const slot = findIn(node, view.leasesRoot(pin), encoded);
        if (slot < 0) return undefined;
        const at = node.payloadAt(slot);
        const expiresAtMs = u53(node.words, at + EXPIRES_AT);
        if (expiresAtMs <= passedMs) return undefined;
        passedMs = this.#nowMs();
        if (expiresAtMs <= passedMs) continue;
        const owner = this.#names[shard].nameOf(view.namesRoot(pin), node.words[at + OWNER_REF]);
        return decodeLease(node, slot, this.#encoder.type, this.#encoder.id, owner, this.#p.codec);
      } finally {
        this.#source.release(view, shard, pin);
      }
    }
  }

  check(key: ActorKey, token: number): boolean {
    const encoded = this.#encoder.encode(this.#key, key);
    checkToken(token, 'token');
    const shard = this.#p.router.shardOf(encoded);
    const view = this.#p.views[shard];
    for (let passedMs = this.#passedMs; ; ) {
      const pin = this.#source.acquire(view, shard);
      try {
        const { node } = view;
        const slot = findIn(node, view.leasesRoot(pin), encoded);
        if (slot < 0) return false;
        const at = node.payloadAt(slot);
        if (u53(node.words, at + TOKEN) !== token) return false;
        const expiresAtMs = u53(node.words, at + EXPIRES_AT);
        if (expiresAtMs <= passedMs) return false;
        passedMs = this.#nowMs();
        if (expiresAtMs > passedMs) return true;
      } finally {
        this.#source.release(view, shard, pin);
      }
    }
  }

  range(range?: LeaseRange): IterableIterator<Lease<V>> {
    const plan = planRange(this.#encoder, range);
    const isPage = plan.limit <= PAGE_MAX;
    const begin = () => {
      const nowMs = this.#nowMs();
      expectOpen(this.#p);
      return this.#scan(plan, nowMs);
    };
    const lots = new LeaseLots(this.#p, this.#source, !isPage && this.#source === PRESENT, begin);
    return new LotIterator(lots, plan.limit, isPage ? plan.limit : undefined);
  }

  forEach(range: LeaseRange, visit: (view: LeaseView<V>) => boolean | undefined | void): number {
    checkVisit(visit);
    const plan = planRange(this.#encoder, range);
    const merged = this.#scan(plan, this.#nowMs());
    const shown = new ScanView<V>(this.#p.codec);
    let visited = 0;
    try {
      merged.enter(this.#source);
      while (visited < plan.limit) {
        const scan = merged.next();
        if (scan === undefined) break;
        visited++;
        if (visit(shown.moveTo(scan)) === false) break;
      }
    } finally {
      shown.end();
      merged.leave(this.#source);
    }
    return visited;
  }

  count(range?: LeaseRange, options?: CountOptions): number {
    const plan = planRange(this.#encoder, range);
    const live = checkCountLive(options);
    const nowMs = this.#nowMs();
    let count = 0;
    for (const [shard, view] of this.#p.views.entries()) {
      const pin = this.#source.acquire(view, shard);
      try {
        count += live ? this.#countLive(view, shard, pin, plan, nowMs) : countStored(view, pin, plan);
      } finally {
        this.#source.release(view, shard, pin);
      }
    }
    return Math.min(count, plan.limit);
  }

  #countLive(view: ShardView, shard: number, pin: number, plan: Plan, nowMs: number): number {
    if (plan.owner === undefined) {
      return countLive(view.slabs, LEASES, view.leasesRoot(pin), plan.from, plan.to, nowMs);
    }
    const scan = new ShardScan(view, shard, this.#names[shard], { ...plan, includeExpired: false }, nowMs);
    let count = 0;
    while (scan.next(pin)) count++;
    return count;
  }

  #scan(plan: Plan, nowMs: number): MergedScan {
    return new MergedScan(
      this.#p.views.map((view, shard) => new ShardScan(view, shard, this.#names[shard], plan, nowMs)),
      plan.reverse,
    );
  }

  /**
   * An instant that had passed before the first pin. A lease has expired only if its deadline had passed when its commit
   * was looked at: this thread may lose its core between the pin and the clock, for as long as the lease that it pinned
   * lives, while a renewed one is published. So what seems to have expired is looked at again.
   */
  get #passedMs(): number {
    return this.#atMs ?? Number.NEGATIVE_INFINITY;
  }

  #nowMs(): number {
    return this.#atMs ?? this.#p.nowMs();
  }
}

/** From the aggregates alone. */
function countStored(view: ShardView, pin: number, plan: Plan): number {
  if (plan.owner === undefined) return countRange(view.node, view.leasesRoot(pin), plan.from, plan.to);
  const ref = view.ownerRef(pin, plan.owner);
  if (ref === 0) return 0;
  const { from, to } = ownerBounds(plan, ref);
  return countRange(view.node, view.ownersRoot(pin), from, to);
}
