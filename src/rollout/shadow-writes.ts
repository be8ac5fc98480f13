import { OWNER_BYTES_MAX } from '../../native-layout/format.js';
import {
  checkAcquireRequest,
  checkGrant,
  checkImport,
  checkKey,
  checkRenewRequest,
  checkText,
  checkWriteOptions,
} from '../arguments.js';
import { leaseSlices, mapRequests } from '../batches.js';
import type {
  Acquired,
  AcquireOptions,
  AcquireRequest,
  ActorKey,
  Failed,
  Grant,
  Lease,
  LeaseRange,
  Released,
  Renewed,
  RenewOptions,
  RenewRequest,
  WriteOptions,
} from '../lease.js';
import type { AsyncLeaseStore, LeaseWrites } from '../lease-store.js';
import type { Division } from './division.js';
import { SLICE, slicesOf } from './lease-join.js';
import type { Mirror } from './mirror.js';
import { splitBatch } from './split-batch.js';
import { TokenFloor } from './token-floor.js';
import { WriteGate } from './write-gate.js';

/** The write calls over two stores: each goes to the one that its key belongs to, and has the other's copy follow. */
export abstract class ShadowWrites<V> implements LeaseWrites<V> {
  protected readonly sides: Division<V>;
  protected readonly mirror: Mirror<V>;
  protected readonly gate = new WriteGate();
  protected readonly tokens = new TokenFloor<V>();

  protected constructor(sides: Division<V>, mirror: Mirror<V>) {
    this.sides = sides;
    this.mirror = mirror;
  }

  /** Throws when the store is closed. */
  protected abstract checkOpen(): void;
  abstract range(range?: LeaseRange): AsyncIterableIterator<Lease<V>>;

  async acquire(key: ActorKey, options: AcquireOptions<V>): Promise<Acquired<V>> {
    const checked = this.checked(key);
    return this.#write([checked], async () => {
      const store = this.sides.authority(checked);
      return this.tokens.above(store, await store.acquire(checked, options));
    });
  }

  async acquireMany(requests: readonly AcquireRequest<V>[], options?: WriteOptions): Promise<(Acquired<V> | Failed)[]> {
    checkWriteOptions(options);
    const checked = mapRequests(requests, (request, i) => {
      const given = checkAcquireRequest(request, `requests[${i}]`) as AcquireRequest<V>;
      return { ...given, key: this.checked(given.key, `requests[${i}].key`) };
    });
    return this.#write(
      checked.map(({ key }) => key),
      () =>
        this.#split(checked, async (store, part) => {
          const outcomes = await store.acquireMany(part, options);
          return Promise.all(outcomes.map((each) => (each.ok ? this.tokens.above(store, each) : each)));
        }),
    );
  }

  async renew(grant: Grant, options?: RenewOptions<V>): Promise<Renewed> {
    const { key, token } = checkGrant(grant);
    const checked = this.checked(key, 'grant.key');
    return this.#write([checked], () => this.sides.authority(checked).renew({ key: checked, token }, options));
  }

  async renewMany(requests: readonly RenewRequest[], options?: WriteOptions): Promise<(Renewed | Failed)[]> {
    checkWriteOptions(options);
    const checked = mapRequests(requests, (request, i) => {
      const { key, token, ttlMs } = checkRenewRequest(request, `requests[${i}]`);
      return { key: this.checked(key, `requests[${i}].key`), token, ...(ttlMs === undefined ? {} : { ttlMs }) };
    });
    return this.#write(
      checked.map(({ key }) => key),
      () => this.#split(checked, (store, part) => store.renewMany(part, options)),
    );
  }

  async release(grant: Grant, options?: WriteOptions): Promise<Released> {
    const { key, token } = checkGrant(grant);
    const checked = this.checked(key, 'grant.key');
    return this.#write([checked], () => this.sides.authority(checked).release({ key: checked, token }, options));
  }

  /** Only grants that were there when it came by: what the owner acquires meanwhile has another token. */
  async releaseOwner(owner: string): Promise<{ readonly released: number }> {
    checkText(owner, 'owner', OWNER_BYTES_MAX);
    let released = 0;
    for await (const slice of slicesOf(this.range({ owner }))) {
      const outcomes = await Promise.all(slice.map((lease) => this.release(lease)));
      released += outcomes.filter(({ ok }) => ok).length;
    }
    return { released };
  }

  async import(leases: Iterable<Lease<V>> | AsyncIterable<Lease<V>>): Promise<{ readonly imported: number }> {
    let imported = 0;
    let seen = 0;
    for await (const slice of leaseSlices(leases, SLICE)) {
      const checked = slice.map((lease) => {
        const field = `leases[${seen++}]`;
        const given = checkImport(lease, field) as unknown as Lease<V>;
        this.tokens.saw(given.token);
        return { ...given, key: this.checked(given.key, `${field}.key`) };
      });
      const counts = await this.#write(
        checked.map(({ key }) => key),
        () =>
          this.#split(checked, async (store, part) => {
            const result = await store.import(part);
            return part.map((_, i) => (i === 0 ? result.imported : 0));
          }),
      );
      imported += counts.reduce((sum, each) => sum + each, 0);
    }
    return { imported };
  }

  protected checked(key: unknown, field = 'key'): ActorKey {
    this.checkOpen();
    return checkKey(key, field);
  }

  /** Runs writes to these keys once no move is under way, and has their copies brought up to date behind them. */
  async #write<T>(keys: readonly ActorKey[], work: () => Promise<T>): Promise<T> {
    return this.gate.pass(async () => {
      this.checkOpen();
      for (const key of keys) this.mirror.begin(key);
      try {
        return await work();
      } finally {
        for (const key of keys) this.mirror.end(key);
      }
    });
  }

  #split<T extends { readonly key: ActorKey }, R>(
    items: readonly T[],
    run: (store: AsyncLeaseStore<V>, part: readonly T[]) => Promise<readonly R[]>,
  ): Promise<R[]> {
    return splitBatch(items, ({ key }) => this.sides.authority(key), run);
  }
}
