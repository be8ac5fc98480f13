import {
  checkAcquire,
  checkAcquireRequest,
  checkGrant,
  checkImport,
  checkRenew,
  checkRenewRequest,
  checkWriteOptions,
} from '../../arguments.js';
import { assert } from '../../assert.js';
import { leaseSlices, mapRequests } from '../../batches.js';
import { LeaseStoreError, partlyApplied } from '../../errors.js';
import type {
  Acquired,
  AcquireOptions,
  AcquireRequest,
  ActorKey,
  Durability,
  Failed,
  Grant,
  Lease,
  Refusal,
  Released,
  Renewed,
  RenewOptions,
  RenewRequest,
  WriteOptions,
} from '../../lease.js';
import type { ValueCodec } from '../../value-codec.js';
import type { LeaseWrites } from '../engine.js';
import { type ByteText, TextEncoding } from './byte-text.js';
import { toLease } from './lease-record.js';
import type { Answer, Operation } from './rules.js';

/** Leases that an import or a slice of `releaseOwner` puts into one group. */
const SLICE = 512;

/**
 * The write calls of a store, as operations: checks what the caller gave, hands operations to the engine, and turns
 * its answers into results. A bad argument anywhere in a batch rejects the batch before any of it is carried out.
 */
export abstract class EngineWrites<V> implements LeaseWrites<V> {
  protected readonly codec: ValueCodec<V>;
  protected readonly texts = new TextEncoding();

  protected constructor(codec: ValueCodec<V>) {
    this.codec = codec;
  }

  /** Rejects when the store is closed, or lacks the durability. */
  protected abstract submit(operation: Operation, durability: Durability | undefined): Promise<Answer>;
  /** Keys that the owner holds, behind `after`, in order, at most `limit`. */
  protected abstract ownerKeys(
    owner: ByteText,
    after: ByteText | undefined,
    limit: number,
  ): readonly ByteText[] | Promise<readonly ByteText[]>;
  /** The highest token handed out so far. */
  protected abstract get tokenHigh(): number;

  async acquire(key: ActorKey, options: AcquireOptions<V>): Promise<Acquired<V>> {
    const { owner, ttlMs, value, previous, durability } = checkAcquire(options);
    const operation: Operation = {
      kind: 'acquire',
      key: this.texts.key(key),
      owner: this.texts.owner(owner, 'options.owner'),
      ttlMs,
      value: this.codec.encode(value, 'options.value'),
      previous,
    };
    return this.#acquired(operation.key, await this.submit(operation, durability));
  }

  async acquireMany(requests: readonly AcquireRequest<V>[], options?: WriteOptions): Promise<(Acquired<V> | Failed)[]> {
    const durability = checkWriteOptions(options);
    const operations = mapRequests(requests, (request, i): Operation => {
      const field = `requests[${i}]`;
      const { key, owner, ttlMs, value } = checkAcquireRequest(request, field);
      return {
        kind: 'acquire',
        key: this.texts.key(key, `${field}.key`),
        owner: this.texts.owner(owner, `${field}.owner`),
        ttlMs,
        value: this.codec.encode(value, `${field}.value`),
        previous: undefined,
      };
    });
    const pending = operations.map((operation) =>
      this.submit(operation, durability).then((answer) => this.#acquired(operation.key, answer), failed),
    );
    return Promise.all(pending);
  }

  async renew(grant: Grant, options?: RenewOptions<V>): Promise<Renewed> {
    const { key, token } = checkGrant(grant);
    const { ttlMs, value, durability } = checkRenew(options);
    const operation: Operation = {
      kind: 'renew',
      key: this.texts.key(key, 'grant.key'),
      token,
      ttlMs,
      value: this.codec.encode(value, 'options.value'),
    };
    return renewed(await this.submit(operation, durability));
  }

  async renewMany(requests: readonly RenewRequest[], options?: WriteOptions): Promise<(Renewed | Failed)[]> {
    const durability = checkWriteOptions(options);
    const operations = mapRequests(requests, (request, i): Operation => {
      const field = `requests[${i}]`;
      const { key, token, ttlMs } = checkRenewRequest(request, field);
      return { kind: 'renew', key: this.texts.key(key, `${field}.key`), token, ttlMs, value: undefined };
    });
    return Promise.all(operations.map((operation) => this.submit(operation, durability).then(renewed, failed)));
  }

  async release(grant: Grant, options?: WriteOptions): Promise<Released> {
    const { key, token } = checkGrant(grant);
    const durability = checkWriteOptions(options);
    return released(await this.submit({ kind: 'release', key: this.texts.key(key, 'grant.key'), token }, durability));
  }

  async releaseOwner(owner: string): Promise<{ readonly released: number }> {
    const held = this.texts.owner(owner);
    const tokenMax = this.tokenHigh;
    let count = 0;
    let after: ByteText | undefined;
    try {
      for (;;) {
        const keys = await this.ownerKeys(held, after, SLICE);
        if (keys.length === 0) return { released: count };
        after = keys[keys.length - 1];
        const slice = keys.map((key): Operation => ({ kind: 'release-of-owner', key, owner: held, tokenMax }));
        await this.#submitAll(slice, () => count++);
      }
    } catch (error) {
      throw partlyApplied(error, count);
    }
  }

  async import(leases: Iterable<Lease<V>> | AsyncIterable<Lease<V>>): Promise<{ readonly imported: number }> {
    let imported = 0;
    let seen = 0;
    try {
      for await (const slice of leaseSlices(leases, SLICE)) {
        const operations = slice.map((lease) => this.#importOf(lease, `leases[${seen++}]`));
        await this.#submitAll(operations, () => imported++);
      }
    } catch (error) {
      throw partlyApplied(error, imported);
    }
    return { imported };
  }

  /** Tells of each operation that changed something; rejects when all have ended, if one has failed. */
  async #submitAll(operations: readonly Operation[], onChange: () => void): Promise<void> {
    const answers = await Promise.allSettled(operations.map((operation) => this.submit(operation, undefined)));
    for (const answer of answers) if (answer.status === 'fulfilled' && answer.value.ok) onChange();
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  }

  #importOf(lease: unknown, field: string): Operation {
    const { key, owner, token, expiresAtMs, ttlMs, renewals, value } = checkImport(lease, field);
    return {
      kind: 'import',
      key: this.texts.key(key, `${field}.key`),
      record: {
        owner: this.texts.owner(owner, `${field}.owner`),
        token,
        expiresAtMs,
        ttlMs,
        renewals,
        value: this.codec.encode(value, `${field}.value`),
      },
    };
  }

  #acquired(key: ByteText, answer: Answer): Acquired<V> {
    if (answer.ok) return { ok: true, lease: toLease(key, answer.record, this.codec) };
    if (answer.reason === 'held')
      return { ok: false, reason: 'held', current: toLease(key, answer.current, this.codec) };
    assert(answer.reason === 'changed', 'no answer to an acquire');
    return { ok: false, reason: 'changed' };
  }
}

function renewed(answer: Answer): Renewed {
  return answer.ok ? { ok: true, expiresAtMs: answer.record.expiresAtMs } : refused(answer);
}

function released(answer: Answer): Released {
  return answer.ok ? { ok: true } : refused(answer);
}

function refused(answer: Exclude<Answer, { ok: true }>): { readonly ok: false; readonly reason: Refusal } {
  assert(answer.reason !== 'held' && answer.reason !== 'changed', 'no answer to a renew or release');
  return { ok: false, reason: answer.reason };
}

function failed(error: unknown): Failed {
  if (error instanceof LeaseStoreError) return { ok: false, reason: 'failed', error };
  throw error;
}
