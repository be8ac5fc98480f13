import { OWNER_BYTES_MAX } from '../native-layout/format.js';
import {
  checkAcquireRequest,
  checkCountLive,
  checkGrant,
  checkImport,
  checkKey,
  checkLeases,
  checkRange,
  checkRenewRequest,
  checkRequests,
  checkText,
  checkWriteOptions,
} from './arguments.js';
import { storeClosed } from './engines/semantics/failures.js';
import { acquiredAtMs } from './engines/semantics/lease-record.js';
import { invalidArgument, LeaseStoreError } from './errors.js';
import type {
  Acquired,
  AcquireOptions,
  AcquireRequest,
  ActorKey,
  CountOptions,
  Failed,
  Grant,
  Lease,
  LeaseRange,
  Released,
  Renewed,
  RenewOptions,
  RenewRequest,
  WriteOptions,
} from './lease.js';
import type {
  AsyncLeaseSnapshot,
  AsyncLeaseStore,
  BackupOptions,
  EngineName,
  LeaseSnapshot,
  SnapshotOptions,
  Supports,
} from './lease-store.js';
import { Comparisons } from './rollout/comparisons.js';
import { overflowed, touchDifferences } from './rollout/differences.js';
import { percentileOf } from './rollout/keys.js';
import { mergeLeases, slicesOf } from './rollout/lease-join.js';
import { Mirror, type Sides } from './rollout/mirror.js';
import {
  checkPercent,
  checkShadowOptions,
  type ShadowMetrics,
  type ShadowOptions,
  sharedSupports,
} from './rollout/shadow-options.js';
import { splitBatch } from './rollout/split-batch.js';
import { WriteGate } from './rollout/write-gate.js';

export type { ShadowMetrics, ShadowOptions } from './rollout/shadow-options.js';

/** How long writes are held back for the end of a move at most; past it the move is given up. */
const MOVE_MS_MAX = 5000;

/**
 * Walks a service from one store to another. Each key belongs to one of the two, which alone answers for it; the other
 * keeps a copy. At first everything belongs to the primary; {@link moveTo} moves a share of the keys, chosen by hash,
 * and back again if need be. A copy that is slow, fails or hangs is never waited for, and costs the service nothing.
 */
export class ShadowStore<V> implements AsyncLeaseStore<V>, Sides<V> {
  readonly #primary: AsyncLeaseStore<V>;
  readonly #secondary: AsyncLeaseStore<V>;
  readonly #mirror: Mirror<V>;
  readonly #comparisons: Comparisons<V>;
  readonly #gate = new WriteGate();
  #moved: number;
  /** Above every token that was seen from either store: what is granted after a move must be higher. */
  #tokenHigh = 0;
  #tokenFloor = 0;
  #moving: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(primary: AsyncLeaseStore<V>, secondary: AsyncLeaseStore<V>, options: ShadowOptions = {}) {
    if (primary === secondary) throw invalidArgument('secondary', 'another store than primary', secondary);
    const { sample, moved, mirrorPendingMax, random } = checkShadowOptions(options);
    this.#primary = primary;
    this.#secondary = secondary;
    this.#moved = moved;
    this.#mirror = new Mirror(this, mirrorPendingMax);
    this.#comparisons = new Comparisons(this, this.#mirror, sample, random);
  }

  /** Per cent of the keys that the secondary serves. */
  get moved(): number {
    return this.#moved;
  }

  get engine(): EngineName {
    return this.#whole?.engine ?? this.#primary.engine;
  }

  get supports(): Supports {
    return sharedSupports(this.#primary.supports, this.#secondary.supports, this.#whole?.supports);
  }

  authority(key: ActorKey): AsyncLeaseStore<V> {
    return percentileOf(key) < this.#moved ? this.#secondary : this.#primary;
  }

  copy(key: ActorKey): AsyncLeaseStore<V> {
    return percentileOf(key) < this.#moved ? this.#primary : this.#secondary;
  }

  /**
   * Makes the secondary serve `percent` of the keys, and the primary the others. Copies of the keys that move are first
   * brought up to date and put on the disk, then writes wait for a moment while the last of them settle. If anything
   * fails, everything stays as it was.
   */
  moveTo(percent: number): Promise<void> {
    const wanted = checkPercent(percent, 'percent');
    const moving = this.#moving.then(() => this.#moveTo(wanted));
    this.#moving = moving.catch(() => {});
    return moving;
  }

  async get(key: ActorKey): Promise<Lease<V> | undefined> {
    const checked = this.#checked(key);
    const lease = await this.authority(checked).get(checked);
    this.#comparisons.consider(checked);
    return lease;
  }

  async check(key: ActorKey, token: number): Promise<boolean> {
    const checked = this.#checked(key);
    const holds = await this.authority(checked).check(checked, token);
    this.#comparisons.consider(checked);
    return holds;
  }

  range(range: LeaseRange = {}): AsyncIterableIterator<Lease<V>> {
    this.#checkOpen();
    checkRange(range);
    return this.#iterate(range);
  }

  async count(range: LeaseRange = {}, options?: CountOptions): Promise<number> {
    this.#checkOpen();
    if (this.#whole !== undefined) return this.#whole.count(range, options);
    const live = checkCountLive(options);
    checkRange(range);
    let count = 0;
    for await (const _ of this.#merged({ ...range, includeExpired: !live })) count++;
    return count;
  }

  async acquire(key: ActorKey, options: AcquireOptions<V>): Promise<Acquired<V>> {
    const checked = this.#checked(key);
    return this.#write([checked], async () => {
      const store = this.authority(checked);
      return this.#aboveFloor(store, await store.acquire(checked, options));
    });
  }

  async acquireMany(requests: readonly AcquireRequest<V>[], options?: WriteOptions): Promise<(Acquired<V> | Failed)[]> {
    checkWriteOptions(options);
    const checked = checkRequests(requests).map((request, i) => {
      const given = checkAcquireRequest(request, `requests[${i}]`) as AcquireRequest<V>;
      return { ...given, key: this.#checked(given.key, `requests[${i}].key`) };
    });
    return this.#write(
      checked.map(({ key }) => key),
      () =>
        this.#split(checked, async (store, part) => {
          const outcomes = await store.acquireMany(part, options);
          return Promise.all(outcomes.map((each) => (each.ok ? this.#aboveFloor(store, each) : each)));
        }),
    );
  }

  async renew(grant: Grant, options?: RenewOptions<V>): Promise<Renewed> {
    const { key, token } = checkGrant(grant);
    const checked = this.#checked(key, 'grant.key');
    return this.#write([checked], () => this.authority(checked).renew({ key: checked, token }, options));
  }

  async renewMany(requests: readonly RenewRequest[], options?: WriteOptions): Promise<(Renewed | Failed)[]> {
    checkWriteOptions(options);
    const checked = checkRequests(requests).map((request, i) => {
      const { key, token, ttlMs } = checkRenewRequest(request, `requests[${i}]`);
      return { key: this.#checked(key, `requests[${i}].key`), token, ...(ttlMs === undefined ? {} : { ttlMs }) };
    });
    return this.#write(
      checked.map(({ key }) => key),
      () => this.#split(checked, (store, part) => store.renewMany(part, options)),
    );
  }

  async release(grant: Grant, options?: WriteOptions): Promise<Released> {
    const { key, token } = checkGrant(grant);
    const checked = this.#checked(key, 'grant.key');
    return this.#write([checked], () => this.authority(checked).release({ key: checked, token }, options));
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
    checkLeases(leases);
    let imported = 0;
    let seen = 0;
    for await (const slice of slicesOf(leases)) {
      const checked = slice.map((lease) => {
        const field = `leases[${seen++}]`;
        const given = checkImport(lease, field) as unknown as Lease<V>;
        this.#tokenHigh = Math.max(this.#tokenHigh, given.token);
        return { ...given, key: this.#checked(given.key, `${field}.key`) };
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

  async snapshot(options?: SnapshotOptions): Promise<AsyncLeaseSnapshot<V> | LeaseSnapshot<V>> {
    return this.#wholeOr('a snapshot').snapshot(options);
  }

  async consistentSnapshot(options?: SnapshotOptions): Promise<AsyncLeaseSnapshot<V> | LeaseSnapshot<V>> {
    return this.#wholeOr('a snapshot').consistentSnapshot(options);
  }

  async flush(): Promise<void> {
    this.#checkOpen();
    await Promise.all(this.#serving.map((store) => store.flush()));
  }

  async checkpoint(): Promise<void> {
    this.#checkOpen();
    await Promise.all(this.#serving.map((store) => store.checkpoint()));
  }

  async backup(directory: string, options?: BackupOptions): Promise<void> {
    await this.#wholeOr('a backup').backup(directory, options);
  }

  /** Resolves once every copy is up to date; throws what a store throws. It ends when writes pause, if not before. */
  async caughtUp(): Promise<void> {
    this.#checkOpen();
    await this.#mirror.settle();
  }

  metrics(): ShadowMetrics<V> {
    const { pending, transferred, failures, lastFailure, dropped } = this.#mirror;
    const { compared, skipped, divergences, examples } = this.#comparisons;
    return {
      moved: this.#moved,
      mirror: { pending, transferred, failures, lastFailure, dropped },
      compared,
      skipped,
      divergences,
      examples,
      primary: this.#primary.metrics(),
      secondary: this.#secondary.metrics(),
    };
  }

  /** Closes both stores. Copies may stay behind: the next move finds out. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#moving;
    await this.#gate.settled();
    this.#mirror.stop();
    await Promise.all([this.#primary.close(), this.#secondary.close()]);
  }

  async #moveTo(percent: number): Promise<void> {
    this.#checkOpen();
    if (percent === this.#moved) return;
    const moves = (key: ActorKey): boolean => percentileOf(key) < percent !== percentileOf(key) < this.#moved;
    const walk = await touchDifferences(this.#primary, this.#secondary, this.#mirror, moves);
    await this.#mirror.transferPending();
    await this.#gate.closedWhile(MOVE_MS_MAX, async (checkInTime) => {
      await this.#mirror.settle();
      if (this.#mirror.dropped > walk.dropped) throw overflowed();
      await Promise.all([this.#primary.flush(), this.#secondary.flush()]);
      checkInTime();
      this.#tokenHigh = Math.max(this.#tokenHigh, walk.tokenHigh);
      this.#tokenFloor = this.#tokenHigh;
      this.#moved = percent;
    });
  }

  /** Runs writes to these keys once no move is under way, and has their copies brought up to date behind them. */
  async #write<T>(keys: readonly ActorKey[], work: () => Promise<T>): Promise<T> {
    return this.#gate.pass(async () => {
      this.#checkOpen();
      for (const key of keys) this.#mirror.begin(key);
      try {
        return await work();
      } finally {
        for (const key of keys) this.#mirror.end(key);
      }
    });
  }

  #split<T extends { readonly key: ActorKey }, R>(
    items: readonly T[],
    run: (store: AsyncLeaseStore<V>, part: readonly T[]) => Promise<readonly R[]>,
  ): Promise<R[]> {
    return splitBatch(items, ({ key }) => this.authority(key), run);
  }

  /**
   * A store that took keys over grants above what it holds of them. A key that was free when it moved tells it nothing
   * of the tokens that were given before: those follow the clock, and where they do not, the grant is raised.
   */
  async #aboveFloor(store: AsyncLeaseStore<V>, outcome: Acquired<V>): Promise<Acquired<V>> {
    if (!outcome.ok) return outcome;
    let { lease } = outcome;
    if (lease.token <= this.#tokenFloor) {
      const token = this.#tokenFloor + 1;
      lease = { ...lease, token, acquiredAtMs: acquiredAtMs(token) };
      await store.import([lease]);
    }
    this.#tokenHigh = Math.max(this.#tokenHigh, lease.token);
    return { ok: true, lease };
  }

  async *#iterate(range: LeaseRange): AsyncGenerator<Lease<V>> {
    for await (const lease of this.#whole?.range(range) ?? this.#merged(range)) {
      this.#comparisons.consider(lease.key);
      yield lease;
    }
  }

  /** Each store's share of a range. */
  async *#merged(range: LeaseRange): AsyncGenerator<Lease<V>> {
    const { limit = Number.POSITIVE_INFINITY, ...unlimited } = range;
    if (limit === 0) return;
    const [left, right] = [this.#primary.range(unlimited), this.#secondary.range(unlimited)];
    let seen = 0;
    for await (const { lease, isLeft } of mergeLeases(left, right, range.reverse === true)) {
      if ((this.authority(lease.key) === this.#primary) !== isLeft) continue;
      yield lease;
      if (++seen === limit) return;
    }
  }

  /** The store that serves all keys, if one does. */
  get #whole(): AsyncLeaseStore<V> | undefined {
    if (this.#moved === 0) return this.#primary;
    return this.#moved === 100 ? this.#secondary : undefined;
  }

  get #serving(): AsyncLeaseStore<V>[] {
    return this.#whole === undefined ? [this.#primary, this.#secondary] : [this.#whole];
  }

  #wholeOr(what: string): AsyncLeaseStore<V> {
    this.#checkOpen();
    if (this.#whole !== undefined) return this.#whole;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_ENGINE_UNAVAILABLE',
      `${what} needs one store that serves all keys, and ${this.#moved} % have moved; move to 0 or 100 first`,
    );
  }

  #checked(key: unknown, field = 'key'): ActorKey {
    this.#checkOpen();
    return checkKey(key, field);
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw storeClosed();
  }
}

/** See {@link ShadowStore}. It owns both stores from now on: nobody else should write to them, and it closes them. */
export function shadow<V>(
  primary: AsyncLeaseStore<V>,
  secondary: AsyncLeaseStore<V>,
  options?: ShadowOptions,
): ShadowStore<V> {
  return new ShadowStore(primary, secondary, options);
}
