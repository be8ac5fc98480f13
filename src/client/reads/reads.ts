import { EXPIRES_AT, TOKEN, u53 } from '../../../native-layout/lease-record.js';
import { checkCountLive, checkToken } from '../../arguments.js';
import type { LeaseReads } from '../../engines/engine.js';
import { Key, KeyEncoder } from '../../key.js';
import type { ActorKey, CountOptions, Lease, LeaseRange, LeaseView } from '../../lease.js';
import { invalidArgument } from '../../errors.js';
import { countLive, countRange } from '../../tree/aggregate.js';
import { LEASES } from '../../tree/kinds.js';
import type { ValueCodec } from '../../value-codec.js';
import type { Router } from '../router.js';
import { IdTexts, LeaseDecoder } from './decoder.js';
import { ScanView } from './lease-view.js';
import { MergedScan } from './merge.js';
import { HeldPins, type PinSource, PRESENT } from './pin-source.js';
import { ownerBounds, type Plan, planRange } from './plan.js';
import { ShardScan } from './scan.js';
import type { ShardView } from './shard-view.js';

/** What reads on one thread share. */
export interface ReadParts<V> {
  readonly views: readonly ShardView[];
  readonly router: Router;
  readonly codec: ValueCodec<V>;
  /** Store time. */
  readonly nowMs: () => number;
}

/** Leases that an iterator decodes at a time; between two lots its pins rest. */
const LOT = 128;
/** An iterator that is not gone on with for so long may lose its place. */
const ITERATOR_AGE_MS = 60_000;

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
  readonly #decoder: LeaseDecoder<V>;

  constructor(parts: ReadParts<V>, source: PinSource = PRESENT, atMs?: number) {
    this.#p = parts;
    this.#source = source;
    this.#atMs = atMs;
    this.#decoder = new LeaseDecoder(parts.codec);
  }

  get(key: ActorKey): Lease<V> | undefined {
    const encoded = this.#encoder.encode(this.#key, key);
    const shard = this.#p.router.shardOf(encoded);
    const view = this.#p.views[shard];
    const pin = this.#source.acquire(view, shard);
    try {
      const slot = view.find(view.leasesRoot(pin), encoded);
      if (slot < 0) return undefined;
      const { node } = view;
      if (u53(node.words, node.payloadAt(slot) + EXPIRES_AT) <= this.#nowMs()) return undefined;
      return this.#decoder.decode(view, pin, node, slot, key.type, key.id);
    } finally {
      this.#source.release(view, shard, pin);
    }
  }

  check(key: ActorKey, token: number): boolean {
    const encoded = this.#encoder.encode(this.#key, key);
    checkToken(token, 'token');
    const shard = this.#p.router.shardOf(encoded);
    const view = this.#p.views[shard];
    const pin = this.#source.acquire(view, shard);
    try {
      const slot = view.find(view.leasesRoot(pin), encoded);
      if (slot < 0) return false;
      const { words } = view.node;
      const at = view.node.payloadAt(slot);
      return u53(words, at + TOKEN) === token && u53(words, at + EXPIRES_AT) > this.#nowMs();
    } finally {
      this.#source.release(view, shard, pin);
    }
  }

  range(range?: LeaseRange): IterableIterator<Lease<V>> {
    return this.#iterate(planRange(this.#encoder, range));
  }

  forEach(range: LeaseRange, visit: (view: LeaseView<V>) => boolean | undefined | void): number {
    if (typeof visit !== 'function') throw invalidArgument('visit', 'a function', visit);
    const plan = planRange(this.#encoder, range);
    const merged = this.#scan(plan, this.#nowMs());
    const shown = new ScanView<V>(this.#decoder);
    let visited = 0;
    try {
      merged.enter(this.#source);
      while (visited < plan.limit) {
        const scan = merged.next();
        if (scan === undefined) break;
        visited++;
        if (visit(shown.moveTo(scan, merged.pinOf(scan))) === false) break;
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
    const scan = new ShardScan(view, shard, { ...plan, includeExpired: false }, nowMs);
    let count = 0;
    while (scan.next(pin)) count++;
    return count;
  }

  /** Decodes lot by lot; in between, the commit is held by pins that rest, as a snapshot's do. */
  *#iterate(plan: Plan): Generator<Lease<V>, undefined> {
    const nowMs = this.#nowMs();
    const own = this.#source === PRESENT ? new HeldPins(this.#p.views, nowMs, ITERATOR_AGE_MS) : undefined;
    const source = own ?? this.#source;
    const merged = this.#scan(plan, nowMs);
    const ids = new IdTexts();
    try {
      for (let left = plan.limit; left > 0; ) {
        const lot = this.#decodeLot(merged, source, ids, Math.min(left, LOT));
        if (lot.length === 0) break;
        left -= lot.length;
        yield* lot;
      }
    } finally {
      own?.close();
    }
    return undefined;
  }

  #decodeLot(merged: MergedScan, source: PinSource, ids: IdTexts, most: number): Lease<V>[] {
    const lot: Lease<V>[] = [];
    const starts: number[] = [];
    ids.clear();
    try {
      merged.enter(source);
      while (lot.length < most && !ids.full) {
        const scan = merged.next();
        if (scan === undefined) break;
        const { key, view, leaf, slot } = scan;
        const type = this.#decoder.typeOf(key);
        starts.push(ids.add(key, this.#decoder.typeLength));
        lot.push(this.#decoder.decode(view, merged.pinOf(scan), leaf, slot, type, ''));
      }
    } finally {
      merged.leave(source);
    }
    ids.cut(starts, lot.length, (i, id) => {
      // The lease is nobody's yet: its key gets the id that was left open.
      (lot[i].key as { id: string }).id = id;
    });
    return lot;
  }

  #scan(plan: Plan, nowMs: number): MergedScan {
    return new MergedScan(
      this.#p.views.map((view, shard) => new ShardScan(view, shard, plan, nowMs)),
      plan.reverse,
    );
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
