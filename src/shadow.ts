import { checkCountLive, ownRange } from './arguments.js';
import { storeClosed } from './engines/semantics/failures.js';
import { invalidArgument } from './errors.js';
import type { ActorKey, CountOptions, Lease, LeaseRange } from './lease.js';
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
import { Division } from './rollout/division.js';
import { Mirror } from './rollout/mirror.js';
import {
  checkPercent,
  checkShadowOptions,
  type ShadowMetrics,
  type ShadowOptions,
  sharedSupports,
} from './rollout/shadow-options.js';
import { ShadowWrites } from './rollout/shadow-writes.js';

export type { Divergence } from './rollout/comparisons.js';
export type { ShadowMetrics, ShadowOptions } from './rollout/shadow-options.js';

/** How long writes are held back for the end of a move at most; past it the move is given up. */
const MOVE_MS_MAX = 5000;

/**
 * Walks a service from one store to another. Each key belongs to one of the two, which alone answers for it; the other
 * keeps a copy. At first everything belongs to the primary; {@link moveTo} moves a share of the keys, chosen by hash,
 * and back again if need be. A copy that is slow, fails or hangs is never waited for, and costs the service nothing.
 */
export class ShadowStore<V> extends ShadowWrites<V> implements AsyncLeaseStore<V> {
  readonly #comparisons: Comparisons<V>;
  #moving: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(primary: AsyncLeaseStore<V>, secondary: AsyncLeaseStore<V>, options: ShadowOptions = {}) {
    if (primary === secondary) throw invalidArgument('secondary', 'another store than primary', secondary);
    const { sample, moved, mirrorPendingMax, random } = checkShadowOptions(options);
    const sides = new Division(primary, secondary, moved);
    super(sides, new Mirror(sides, mirrorPendingMax));
    this.#comparisons = new Comparisons(sides, this.mirror, sample, random);
  }

  /** Per cent of the keys that the secondary serves. */
  get moved(): number {
    return this.sides.moved;
  }

  get engine(): EngineName {
    return this.sides.whole?.engine ?? this.sides.primary.engine;
  }

  get supports(): Supports {
    const { primary, secondary, whole } = this.sides;
    return sharedSupports(primary.supports, secondary.supports, whole?.supports);
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
    const checked = this.checked(key);
    const lease = await this.sides.authority(checked).get(checked);
    this.#comparisons.consider(checked);
    return lease;
  }

  async check(key: ActorKey, token: number): Promise<boolean> {
    const checked = this.checked(key);
    const holds = await this.sides.authority(checked).check(checked, token);
    this.#comparisons.consider(checked);
    return holds;
  }

  range(range: LeaseRange = {}): AsyncIterableIterator<Lease<V>> {
    this.checkOpen();
    return this.#iterate(ownRange(range));
  }

  async count(range: LeaseRange = {}, options?: CountOptions): Promise<number> {
    this.checkOpen();
    const { whole } = this.sides;
    if (whole !== undefined) return whole.count(range, options);
    const live = checkCountLive(options);
    let count = 0;
    for await (const _ of this.sides.merged({ ...ownRange(range), includeExpired: !live })) count++;
    return count;
  }

  async snapshot(options?: SnapshotOptions): Promise<AsyncLeaseSnapshot<V> | LeaseSnapshot<V>> {
    return this.#whole('a snapshot').snapshot(options);
  }

  async consistentSnapshot(options?: SnapshotOptions): Promise<AsyncLeaseSnapshot<V> | LeaseSnapshot<V>> {
    return this.#whole('a snapshot').consistentSnapshot(options);
  }

  async flush(): Promise<void> {
    this.checkOpen();
    await Promise.all(this.sides.serving.map((store) => store.flush()));
  }

  async checkpoint(): Promise<void> {
    this.checkOpen();
    await Promise.all(this.sides.serving.map((store) => store.checkpoint()));
  }

  async backup(directory: string, options?: BackupOptions): Promise<void> {
    await this.#whole('a backup').backup(directory, options);
  }

  /** Resolves once every copy is up to date; throws what a store throws. It ends when writes pause, if not before. */
  async caughtUp(): Promise<void> {
    this.checkOpen();
    await this.mirror.settle();
  }

  metrics(): ShadowMetrics<V> {
    const { pending, transferred, failures, lastFailure, dropped } = this.mirror;
    const { compared, skipped, divergences, examples } = this.#comparisons;
    return {
      moved: this.moved,
      mirror: { pending, transferred, failures, lastFailure, dropped },
      compared,
      skipped,
      divergences,
      examples,
      primary: this.sides.primary.metrics(),
      secondary: this.sides.secondary.metrics(),
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
    await this.gate.settled();
    this.mirror.stop();
    await Promise.all([this.sides.primary.close(), this.sides.secondary.close()]);
  }

  async #moveTo(percent: number): Promise<void> {
    this.checkOpen();
    const { sides, mirror, tokens } = this;
    const { primary, secondary } = sides;
    if (percent === sides.moved) return;
    const walk = await touchDifferences(primary, secondary, mirror, (key) => sides.changesAt(percent, key));
    await mirror.transferPending();
    await this.gate.closedWhile(MOVE_MS_MAX, async (checkInTime) => {
      await mirror.settle();
      if (mirror.dropped > walk.dropped) throw overflowed();
      await Promise.all([primary.flush(), secondary.flush()]);
      checkInTime();
      tokens.saw(walk.tokenHigh);
      tokens.raise();
      sides.moved = percent;
    });
  }

  async *#iterate(range: LeaseRange): AsyncGenerator<Lease<V>> {
    for await (const lease of this.sides.whole?.range(range) ?? this.sides.merged(range)) {
      this.#comparisons.consider(lease.key);
      yield lease;
    }
  }

  #whole(what: string): AsyncLeaseStore<V> {
    this.checkOpen();
    return this.sides.wholeFor(what);
  }

  protected checkOpen(): void {
    if (this.#closed !== undefined) throw storeClosed();
  }
}
