import * as mail from '../../native-layout/mailbox.js';
import {
  checkAcquire,
  checkAcquireRequest,
  checkGrant,
  checkImport,
  checkRenew,
  checkRenewRequest,
  checkWriteOptions,
} from '../arguments.js';
import { countRequests, leaseSlices, mapRequests, requestAt } from '../batches.js';
import type { LeaseWrites } from '../lease-store.js';
import { LeaseStoreError, partlyApplied } from '../errors.js';
import { Key, KeyEncoder } from '../key.js';
import type {
  Acquired,
  AcquireOptions,
  AcquireRequest,
  ActorKey,
  Durability,
  Failed,
  Grant,
  Lease,
  Released,
  Renewed,
  RenewOptions,
  RenewRequest,
  WriteOptions,
} from '../lease.js';
import type { ValueCodec } from '../value-codec.js';
import type { Completion } from './completion.js';
import { closedError, type Dispatcher } from './dispatcher.js';
import { Prepared } from './prepared.js';
import { Outgoing } from './request-writer.js';
import type { Router } from './router.js';
import { type Asked, Batch, type Read, readAcquired, readReleased, readRenewed, Single } from './targets.js';

/** Operations of a batch that are sent together; two such pieces under way keep every shard busy, and stay in cache. */
const PIECE = 4096;

/** Leases of an import that are taken from the caller at a time. */
const IMPORT_SLICE = 2 * PIECE;

/** The writing half of a store: checks arguments, routes keys to shards, and hands requests to the mailboxes. */
export class Writes<V> implements LeaseWrites<V> {
  readonly #dispatcher: Dispatcher;
  readonly #router: Router;
  readonly #codec: ValueCodec<V>;
  readonly #encoder = new KeyEncoder();
  readonly #key = new Key();
  readonly #out = new Outgoing();

  constructor(dispatcher: Dispatcher, router: Router, codec: ValueCodec<V>) {
    this.#dispatcher = dispatcher;
    this.#router = router;
    this.#codec = codec;
  }

  async acquire(key: ActorKey, options: AcquireOptions<V>): Promise<Acquired<V>> {
    const { owner, ttlMs, value, previous, durability } = checkAcquire(options);
    const encoded = this.#codec.encode(value, 'options.value');
    const out = this.#addressed(mail.OP_ACQUIRE, key, 'key', durability);
    out.owner = this.#encoder.owner(owner, 'options.owner');
    out.ttlMs = ttlMs;
    out.withValue(encoded);
    if (previous !== undefined) {
      out.token = previous;
      out.flags |= mail.FLAG_PREVIOUS;
    }
    const asked = { key: this.#encoder.actor, owner: owner as string, value: encoded };
    return this.#send(out, (completion) => readAcquired(completion, asked, this.#codec));
  }

  async acquireMany(requests: readonly AcquireRequest<V>[], options?: WriteOptions): Promise<(Acquired<V> | Failed)[]> {
    const durability = checkWriteOptions(options);
    const prepared = new Prepared();
    const asked = mapRequests(requests, (request, i): Asked => {
      const field = `requests[${i}]`;
      const { key, owner, ttlMs, value } = checkAcquireRequest(request, field);
      const encoded = this.#codec.encode(value, `${field}.value`);
      const out = this.#addressed(mail.OP_ACQUIRE, key, `${field}.key`, durability);
      out.owner = this.#encoder.owner(owner, `${field}.owner`);
      out.ttlMs = ttlMs;
      prepared.add(out.withValue(encoded), this.#key, this.#shard);
      return { key: this.#encoder.actor, owner: owner as string, value: encoded };
    });
    // New keys in longer runs would leave leaves half full behind them.
    return this.#sendAll(prepared, prepared.order(PIECE), (completion, i) =>
      readAcquired(completion, asked[i], this.#codec),
    );
  }

  /** Not `async`, for an `async` function that returns a promise puts another one and three turns of microtasks around it. */
  renew(grant: Grant, options?: RenewOptions<V>): Promise<Renewed> {
    try {
      const { key, token } = checkGrant(grant);
      const { ttlMs, value, durability } = checkRenew(options);
      const encoded = this.#codec.encode(value, 'options.value');
      const out = this.#addressed(mail.OP_RENEW, key, 'grant.key', durability);
      out.token = token;
      out.withValue(encoded);
      return this.#send(withTtl(out, ttlMs), readRenewed);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async renewMany(requests: readonly RenewRequest[], options?: WriteOptions): Promise<(Renewed | Failed)[]> {
    const durability = checkWriteOptions(options);
    const prepared = new Prepared();
    const count = countRequests(requests);
    for (let i = 0; i < count; i++) {
      const request = requestAt(requests, i);
      try {
        this.#prepareRenew(prepared, request, 'requests[]', 'requests[].key', durability);
      } catch {
        // Names are made for the one that is wrong, not for each that is not.
        this.#prepareRenew(prepared, request, `requests[${i}]`, `requests[${i}].key`, durability);
      }
    }
    return this.#sendAll(prepared, prepared.order(prepared.size), readRenewed);
  }

  #prepareRenew(
    prepared: Prepared,
    request: unknown,
    field: string,
    keyField: string,
    durability: Durability | undefined,
  ): void {
    const { key, token, ttlMs } = checkRenewRequest(request, field);
    const out = this.#addressed(mail.OP_RENEW, key, keyField, durability);
    out.token = token;
    prepared.add(withTtl(out, ttlMs), this.#key, this.#shard);
  }

  async release(grant: Grant, options?: WriteOptions): Promise<Released> {
    const { key, token } = checkGrant(grant);
    const out = this.#addressed(mail.OP_RELEASE, key, 'grant.key', checkWriteOptions(options));
    out.token = token;
    return this.#send(out, readReleased);
  }

  async releaseOwner(owner: string): Promise<{ readonly released: number }> {
    const name = this.#encoder.owner(owner, 'owner');
    const results = await this.#askShards(mail.OP_RELEASE_OWNER, name, (completion) => completion.count);
    const released = results.reduce<number>((sum, result) => sum + (isFailed(result) ? 0 : result), 0);
    throwPartly(results, released);
    return { released };
  }

  async import(leases: Iterable<Lease<V>> | AsyncIterable<Lease<V>>): Promise<{ readonly imported: number }> {
    let imported = 0;
    let seen = 0;
    try {
      for await (const window of leaseSlices(leases, IMPORT_SLICE)) {
        const results = await this.#importWindow(window, seen);
        seen += window.length;
        for (const result of results) if (result === true) imported++;
        throwPartly(results, 0);
      }
    } catch (error) {
      throw partlyApplied(error, imported);
    }
    return { imported };
  }

  /** Resolves once everything acknowledged before the call is on the disk. */
  async flush(): Promise<void> {
    await this.#everyShard(mail.OP_FLUSH);
  }

  /** Makes every shard commit what came before and stand at its gate; resolves when all do. */
  async barrier(): Promise<void> {
    await this.#everyShard(mail.OP_BARRIER);
  }

  async #importWindow(leases: readonly unknown[], from: number): Promise<(boolean | Failed)[]> {
    const prepared = new Prepared();
    for (const [i, lease] of leases.entries()) {
      const field = `leases[${from + i}]`;
      const { key, owner, token, expiresAtMs, ttlMs, renewals, value } = checkImport(lease, field);
      const encoded = this.#codec.encode(value, `${field}.value`);
      const out = this.#addressed(mail.OP_IMPORT, key, `${field}.key`, undefined);
      out.owner = this.#encoder.owner(owner, `${field}.owner`);
      out.token = token;
      out.expiresAtMs = expiresAtMs;
      out.ttlMs = ttlMs;
      out.renewals = renewals;
      prepared.add(out.withValue(encoded), this.#key, this.#shard);
    }
    // What was exported is in the order of the tree, which packs best.
    return this.#sendAll(prepared, prepared.order(1), (completion) => completion.status === mail.STATUS_OK);
  }

  /**
   * The one way to a shard for an operation on a key. Values are encoded before: that runs code of the caller's, which may
   * call back in here.
   */
  #addressed(op: number, key: unknown, field: string, durability: Durability | undefined): Outgoing {
    const out = this.#out.set(op, this.#encoder.encode(this.#key, key, field));
    if (durability === 'synced') out.flags |= mail.FLAG_SYNCED;
    return out;
  }

  /** Where the operation that was addressed last goes. */
  get #shard(): number {
    return this.#router.shardOf(this.#key);
  }

  #send<R>(out: Outgoing, read: (completion: Completion) => R): Promise<R> {
    const single = new Single(read);
    const shard = this.#shard;
    this.#dispatcher.post(shard, out, single, 0);
    this.#dispatcher.send(shard);
    return single.promise;
  }

  /**
   * Sends a batch piece by piece, so that one call of any size leaves the mailboxes room. Two pieces are under way: while
   * the shards have one to do, the next is on its way to them. The first two are sent before the call returns.
   */
  async #sendAll<R>(prepared: Prepared, order: Uint32Array, read: Read<R>): Promise<(R | Failed)[]> {
    const batch = new Batch<R>(prepared.size, read);
    for (let sent = 0; sent < order.length; sent += PIECE) {
      const unsent = order.length - sent;
      if (sent >= 2 * PIECE) await batch.untilLeft(unsent + PIECE);
      this.#sendPiece(prepared, order.subarray(sent, sent + PIECE), batch, sent === 0);
    }
    await batch.untilLeft(0);
    return batch.results;
  }

  #sendPiece<R>(prepared: Prepared, piece: Uint32Array, batch: Batch<R>, first: boolean): void {
    if (this.#dispatcher.isClosed && !first) {
      // What was sent before has its results; the rest fails by itself.
      for (const i of piece) batch.fail(closedError(), i);
      return;
    }
    for (const i of piece) this.#dispatcher.postPrepared(prepared, i, batch, i);
    this.#dispatcher.sendAll();
  }

  async #everyShard(op: number): Promise<void> {
    throwPartly(await this.#askShards(op, undefined, () => undefined), 0);
  }

  /** The same request to each shard; resolves when all have answered. */
  async #askShards<R>(
    op: number,
    owner: Uint8Array | undefined,
    read: (completion: Completion) => R,
  ): Promise<(R | Failed)[]> {
    const out = this.#out.set(op, undefined);
    if (owner !== undefined) out.owner = owner;
    const batch = new Batch<R>(this.#dispatcher.shards, read);
    for (let shard = 0; shard < this.#dispatcher.shards; shard++) {
      try {
        this.#dispatcher.post(shard, out, batch, shard);
      } catch (error) {
        // What was posted to others is sent, and waited for, all the same.
        batch.fail(error as LeaseStoreError, shard);
      }
    }
    this.#dispatcher.sendAll();
    await batch.untilLeft(0);
    return batch.results;
  }
}

function withTtl(out: Outgoing, ttlMs: number | undefined): Outgoing {
  if (ttlMs === undefined) return out;
  out.ttlMs = ttlMs;
  out.flags |= mail.FLAG_TTL;
  return out;
}

/** Throws what went wrong with a part of a call, if anything did; `done` leases were changed by other parts of it. */
function throwPartly(results: readonly unknown[], done: number): void {
  const errors = results.flatMap((result) => (isFailed(result) ? [result.error as LeaseStoreError] : []));
  const error = errors.find(({ outcome }) => outcome === 'unknown') ?? errors[0];
  if (error !== undefined) throw partlyApplied(error, done);
}

function isFailed(result: unknown): result is Failed {
  return typeof result === 'object' && result !== null && (result as Failed).error instanceof LeaseStoreError;
}
