import type { ActorKey, CountOptions, Lease, LeaseRange } from '../../lease.js';
import type { ValueCodec } from '../../value-codec.js';
import type { AsyncLeaseSnapshot } from '../engine.js';
import type { TextEncoding } from '../semantics/byte-text.js';
import { snapshotClosed } from '../semantics/failures.js';
import { LeaseKvReads } from './kv-reads.js';
import type { KvSnapshot } from './ordered-kv.js';

/** A snapshot of the library, which judges expiry at the instant when it was taken. */
export class KvSnapshotReads<V> implements AsyncLeaseSnapshot<V> {
  readonly atMs: number;
  readonly #snapshot: KvSnapshot;
  readonly #reads: LeaseKvReads<V>;
  #closed: Promise<void> | undefined;

  constructor(snapshot: KvSnapshot, codec: ValueCodec<V>, texts: TextEncoding, atMs: number) {
    this.atMs = atMs;
    this.#snapshot = snapshot;
    this.#reads = new LeaseKvReads(
      snapshot,
      codec,
      texts,
      () => atMs,
      () => {
        if (this.#closed !== undefined) throw snapshotClosed();
      },
    );
  }

  get(key: ActorKey): Promise<Lease<V> | undefined> {
    return this.#reads.get(key);
  }

  check(key: ActorKey, token: number): Promise<boolean> {
    return this.#reads.check(key, token);
  }

  range(range?: LeaseRange): AsyncIterableIterator<Lease<V>> {
    return this.#reads.range(range);
  }

  count(range?: LeaseRange, options?: CountOptions): Promise<number> {
    return this.#reads.count(range, options);
  }

  close(): Promise<void> {
    this.#closed ??= this.#snapshot.close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
