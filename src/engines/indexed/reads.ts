import { type CheckedRange, checkCountLive, checkRange, checkToken, checkVisit } from '../../arguments.js';
import type { ActorKey, CountOptions, Lease, LeaseRange, LeaseView } from '../../lease.js';
import { acquiredAtMs } from '../../lease-times.js';
import type { ValueCodec } from '../../value-codec.js';
import type { LeaseReads } from '../engine.js';
import { actorOf, type ByteText, keyOfOwnerKey, ownerOf, type TextEncoding } from '../semantics/byte-text.js';
import { type KeyRange, keyRangeOf } from '../semantics/key-range.js';
import { type LeaseRecord, toLease } from '../semantics/lease-record.js';
import { isLive } from '../semantics/rules.js';
import type { LeaseView as Leases, Sorted } from './lease-index.js';

/** Keys that a range reads ahead of its caller: few at first, for most ranges end soon. */
const READ_AHEAD = { first: 16, max: 256 };

interface Entry {
  readonly key: ByteText;
  readonly record: LeaseRecord;
}

/**
 * Reads over an index or over one frozen instant of it. A range of the living index shows each lease as it was when
 * the range came near it; one of a snapshot shows one instant.
 */
export class IndexReads<V> implements LeaseReads<V> {
  readonly #leases: Leases;
  readonly #codec: ValueCodec<V>;
  readonly #texts: TextEncoding;
  readonly #nowMs: () => number;
  readonly #checkOpen: () => void;

  constructor(leases: Leases, codec: ValueCodec<V>, texts: TextEncoding, nowMs: () => number, checkOpen: () => void) {
    this.#leases = leases;
    this.#codec = codec;
    this.#texts = texts;
    this.#nowMs = nowMs;
    this.#checkOpen = checkOpen;
  }

  get(key: ActorKey): Lease<V> | undefined {
    this.#checkOpen();
    const text = this.#texts.key(key);
    const record = this.#leases.get(text);
    return record !== undefined && isLive(record, this.#nowMs()) ? toLease(text, record, this.#codec) : undefined;
  }

  check(key: ActorKey, token: number): boolean {
    this.#checkOpen();
    const record = this.#leases.get(this.#texts.key(key));
    return checkToken(token, 'token') === record?.token && isLive(record, this.#nowMs());
  }

  range(range?: LeaseRange): IterableIterator<Lease<V>> {
    this.#checkOpen();
    return this.#iterate(checkRange(range));
  }

  forEach(range: LeaseRange, visit: (view: LeaseView<V>) => boolean | undefined | void): number {
    this.#checkOpen();
    checkVisit(visit);
    const view = new EntryView(this.#codec);
    let visited = 0;
    for (const entry of this.#entries(checkRange(range))) {
      visited++;
      if (visit(view.at(entry)) === false) break;
    }
    return visited;
  }

  count(range?: LeaseRange, options?: CountOptions): number {
    this.#checkOpen();
    const live = checkCountLive(options);
    const checked = checkRange(range);
    let count = 0;
    for (const _ of this.#entries({ ...checked, includeExpired: !live })) count++;
    return count;
  }

  /** Keys that the owner's part of the index holds. */
  keysWithin(range: KeyRange, limit: number): ByteText[] {
    const keys: ByteText[] = [];
    for (const key of this.#keys(range, false)) {
      if (keys.push(key) >= limit) break;
    }
    return keys;
  }

  *#iterate(range: CheckedRange): IterableIterator<Lease<V>> {
    for (const { key, record } of this.#entries(range)) {
      yield toLease(key, record, this.#codec);
      // The caller may have closed what is read from.
      this.#checkOpen();
    }
  }

  *#entries(range: CheckedRange): Generator<Entry> {
    const { limit, includeExpired } = range;
    if (limit === 0) return;
    const keys = keyRangeOf(range);
    let seen = 0;
    for (const key of this.#keys(keys, range.reverse)) {
      const record = this.#leases.get(key);
      // Gone since the keys were read ahead; or it has another owner by now.
      if (record === undefined || (keys.owner !== undefined && record.owner !== keys.owner)) continue;
      if (!includeExpired && !isLive(record, this.#nowMs())) continue;
      yield { key, record };
      if (++seen === limit) return;
    }
  }

  #keys(range: KeyRange, reverse: boolean): Generator<ByteText> {
    return range.owner === undefined
      ? keysOf(this.#leases.leases, range, reverse)
      : mapped(keysOf(this.#leases.owners, range, reverse), keyOfOwnerKey);
  }
}

/**
 * The keys of a tree within a range. An iterator of the library is lost when the tree changes under it, so keys are
 * read a few at a time, and each time from behind the last one.
 */
function* keysOf<T>(tree: Sorted<T>, { from, to }: KeyRange, reverse: boolean): Generator<ByteText> {
  let low = from;
  let high = to;
  for (let ahead = READ_AHEAD.first; high === undefined || low < high; ahead = Math.min(2 * ahead, READ_AHEAD.max)) {
    const keys = reverse ? keysBefore(tree, low, high, ahead) : keysFrom(tree, low, high, ahead);
    yield* keys;
    if (keys.length < ahead) return;
    const last = keys[keys.length - 1];
    if (reverse) high = last;
    else low = `${last}\0`;
  }
}

function keysFrom<T>(tree: Sorted<T>, low: ByteText, high: ByteText | undefined, max: number): ByteText[] {
  const keys: ByteText[] = [];
  for (const key of tree.keys(low)) {
    if (high !== undefined && key >= high) break;
    if (keys.push(key) === max) break;
  }
  return keys;
}

function keysBefore<T>(tree: Sorted<T>, low: ByteText, high: ByteText | undefined, max: number): ByteText[] {
  const keys: ByteText[] = [];
  for (const [key] of tree.entriesReversed(high, undefined, true)) {
    if (key < low) break;
    if (keys.push(key) === max) break;
  }
  return keys;
}

function* mapped(keys: Iterable<ByteText>, map: (key: ByteText) => ByteText): Generator<ByteText> {
  for (const key of keys) yield map(key);
}

/** One object for all entries that a `forEach` visits; decodes what is asked for. */
class EntryView<V> implements LeaseView<V> {
  readonly #codec: ValueCodec<V>;
  #entry: Entry | undefined;
  #actor: ActorKey | undefined;

  constructor(codec: ValueCodec<V>) {
    this.#codec = codec;
  }

  at(entry: Entry): this {
    this.#entry = entry;
    this.#actor = undefined;
    return this;
  }

  get type(): string {
    return this.#key.type;
  }

  get id(): string {
    return this.#key.id;
  }

  get owner(): string {
    return ownerOf(this.#record.owner);
  }

  get token(): number {
    return this.#record.token;
  }

  get expiresAtMs(): number {
    return this.#record.expiresAtMs;
  }

  get ttlMs(): number {
    return this.#record.ttlMs;
  }

  get acquiredAtMs(): number {
    const { token, expiresAtMs, ttlMs } = this.#record;
    return acquiredAtMs(token, expiresAtMs, ttlMs);
  }

  get renewals(): number {
    return this.#record.renewals;
  }

  get value(): V | undefined {
    const { value } = this.#record;
    return value === undefined ? undefined : this.#codec.decode(value);
  }

  toLease(): Lease<V> {
    return toLease((this.#entry as Entry).key, this.#record, this.#codec);
  }

  get #key(): ActorKey {
    this.#actor ??= actorOf((this.#entry as Entry).key);
    return this.#actor;
  }

  get #record(): LeaseRecord {
    return (this.#entry as Entry).record;
  }
}
