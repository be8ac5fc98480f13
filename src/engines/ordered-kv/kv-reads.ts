import { type CheckedRange, checkCountLive, checkRange, checkToken } from '../../arguments.js';
import type { ActorKey, CountOptions, Lease, LeaseRange } from '../../lease.js';
import type { ValueCodec } from '../../value-codec.js';
import { type ByteText, keyOfOwnerKey, type TextEncoding } from '../semantics/byte-text.js';
import { type KeyRange, keyRangeOf } from '../semantics/key-range.js';
import { type LeaseRecord, toLease } from '../semantics/lease-record.js';
import { isLive } from '../semantics/rules.js';
import type { KvReads } from './ordered-kv.js';
import { decodeRecord } from './record-codec.js';
import { keyWithin, leaseKey, spaceBounds } from './spaces.js';

/** Entries that a range reads ahead of its caller: few at first, for most ranges end soon. */
const READ_AHEAD = { first: 16, max: 1024 };

interface Entry {
  readonly key: ByteText;
  readonly record: LeaseRecord;
}

/** Reads of leases over the living store or one instant of it. */
export class LeaseKvReads<V> {
  readonly #kv: KvReads;
  readonly #codec: ValueCodec<V>;
  readonly #texts: TextEncoding;
  readonly #nowMs: () => number;
  readonly #checkOpen: () => void;

  constructor(kv: KvReads, codec: ValueCodec<V>, texts: TextEncoding, nowMs: () => number, checkOpen: () => void) {
    this.#kv = kv;
    this.#codec = codec;
    this.#texts = texts;
    this.#nowMs = nowMs;
    this.#checkOpen = checkOpen;
  }

  async get(key: ActorKey): Promise<Lease<V> | undefined> {
    this.#checkOpen();
    const text = this.#texts.key(key);
    const [record] = await this.records([text]);
    return record !== undefined && isLive(record, this.#nowMs()) ? toLease(text, record, this.#codec) : undefined;
  }

  async check(key: ActorKey, token: number): Promise<boolean> {
    this.#checkOpen();
    const wanted = checkToken(token, 'token');
    const [record] = await this.records([this.#texts.key(key)]);
    return record?.token === wanted && isLive(record, this.#nowMs());
  }

  range(range?: LeaseRange): AsyncIterableIterator<Lease<V>> {
    this.#checkOpen();
    return this.#iterate(checkRange(range));
  }

  /** Walks the range: the library counts nothing by itself. */
  async count(range?: LeaseRange, options?: CountOptions): Promise<number> {
    this.#checkOpen();
    const live = checkCountLive(options);
    const checked = checkRange(range);
    let count = 0;
    for await (const _ of this.#entries({ ...checked, includeExpired: !live })) count++;
    return count;
  }

  /** What the keys hold, expired or not, in their order. */
  async records(keys: readonly ByteText[]): Promise<(LeaseRecord | undefined)[]> {
    if (keys.length === 0) return [];
    const values = await this.#kv.getMany(keys.map(leaseKey));
    return values.map((value) => (value === undefined ? undefined : decodeRecord(value)));
  }

  /** The first keys of an owner's range. */
  async ownerKeys(range: KeyRange, limit: number): Promise<ByteText[]> {
    const cursor = this.#kv.cursor({ ...spaceBounds(range), reverse: false, values: false });
    try {
      const entries = await cursor.next(limit);
      return entries.map(([key]) => keyOfOwnerKey(keyWithin(key)));
    } finally {
      await cursor.close();
    }
  }

  /** Stored leases of a range, expired or not, a few at a time. */
  async *slices(range: KeyRange, reverse: boolean): AsyncGenerator<readonly Entry[]> {
    const ofOwner = range.owner !== undefined;
    const cursor = this.#kv.cursor({ ...spaceBounds(range), reverse, values: !ofOwner });
    try {
      for (let ahead = READ_AHEAD.first; ; ahead = Math.min(2 * ahead, READ_AHEAD.max)) {
        const entries = await cursor.next(ahead);
        if (entries.length === 0) return;
        if (ofOwner)
          yield await this.#owned(
            entries.map(([key]) => keyOfOwnerKey(keyWithin(key))),
            range.owner,
          );
        else yield entries.map(([key, value]) => ({ key: keyWithin(key), record: decodeRecord(value as Buffer) }));
        this.#checkOpen();
      }
    } finally {
      await cursor.close();
    }
  }

  async #owned(keys: readonly ByteText[], owner: ByteText | undefined): Promise<Entry[]> {
    const records = await this.records(keys);
    // The cursor stands still and the leases do not: one may be gone or another's by now.
    return keys.flatMap((key, i) => {
      const record = records[i];
      return record !== undefined && record.owner === owner ? [{ key, record }] : [];
    });
  }

  async *#iterate(range: CheckedRange): AsyncIterableIterator<Lease<V>> {
    for await (const { key, record } of this.#entries(range)) {
      yield toLease(key, record, this.#codec);
      // The caller may have closed what is read from.
      this.#checkOpen();
    }
  }

  async *#entries(range: CheckedRange): AsyncGenerator<Entry> {
    const { limit, includeExpired, reverse } = range;
    const keys = keyRangeOf(range);
    if (limit === 0 || (keys.to !== undefined && keys.from >= keys.to)) return;
    let seen = 0;
    for await (const slice of this.slices(keys, reverse)) {
      for (const entry of slice) {
        if (!includeExpired && !isLive(entry.record, this.#nowMs())) continue;
        yield entry;
        if (++seen === limit) return;
      }
    }
  }
}
