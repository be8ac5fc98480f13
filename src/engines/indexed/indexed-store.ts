import { resolve } from 'node:path';
import { checkBackup, checkSnapshotAge } from '../../arguments.js';
import { invalidArgument } from '../../errors.js';
import type { ActorKey, CountOptions, Durability, Lease, LeaseRange, LeaseView } from '../../lease.js';
import type { ResolvedOptions } from '../../options.js';
import type { TokenSource } from '../../shard/tokens.js';
import { valueCodec } from '../../value-codec.js';
import type { BackupOptions, EngineName, LeaseSnapshot, LeaseStore, SnapshotOptions, Supports } from '../engine.js';
import type { ByteText } from '../semantics/byte-text.js';
import { Counts } from '../semantics/counts.js';
import { EngineWrites } from '../semantics/engine-writes.js';
import { checkNotAborted, snapshotClosed, storeClosed, unsupported } from '../semantics/failures.js';
import { ownerRange } from '../semantics/key-range.js';
import type { LeaseRecord } from '../semantics/lease-record.js';
import { type Answer, type Change, type Decision, decide, isLive, type Operation } from '../semantics/rules.js';
import { WriteQueue } from '../semantics/write-queue.js';
import type { Journal } from './journal.js';
import type { LeaseIndex } from './lease-index.js';
import { IndexReads } from './reads.js';

/** Expired leases that one sweep removes at most. */
const SWEEP_MAX = 4096;

export interface IndexedParts {
  readonly options: ResolvedOptions;
  readonly supports: Supports;
  readonly index: LeaseIndex;
  readonly tokens: TokenSource;
  /** Absent where nothing is kept. */
  readonly journal: Journal | undefined;
  /** Store time, ms since the epoch. */
  readonly nowMs: () => number;
}

/**
 * A store whose leases are all in this thread's heap. A group of operations is decided and applied in one turn, and
 * journalled before that turn ends: nobody reads what is not kept.
 */
export class IndexedStore<V> extends EngineWrites<V> implements LeaseStore<V> {
  readonly engine: EngineName;
  readonly supports: Supports;
  readonly #parts: IndexedParts;
  readonly #queue: WriteQueue;
  readonly #reads: IndexReads<V>;
  readonly #counts = new Counts();
  readonly #timers: NodeJS.Timeout[] = [];
  /** One after the other. */
  #checkpoints: Promise<void> = Promise.resolve();
  #checkpointOrdered = false;
  #checkpointFailures = 0;
  #closed: Promise<void> | undefined;

  constructor(parts: IndexedParts) {
    super(valueCodec(parts.options.valueEncoding));
    const { options, index, journal } = parts;
    this.engine = options.engine;
    this.supports = parts.supports;
    this.#parts = parts;
    this.#checkDurability(options.durability);
    this.#queue = new WriteQueue((operations, synced) => this.#commit(operations, synced), options.pendingMax);
    this.#reads = new IndexReads(index, this.codec, this.texts, parts.nowMs, this.#checkOpen);
    this.#every(options.sweepIntervalMs, () => this.#sweep());
    if (journal !== undefined) this.#every(options.syncIntervalMs, () => journal.sync());
  }

  get(key: ActorKey): Lease<V> | undefined {
    return this.#reads.get(key);
  }

  check(key: ActorKey, token: number): boolean {
    return this.#reads.check(key, token);
  }

  range(range?: LeaseRange): IterableIterator<Lease<V>> {
    return this.#reads.range(range);
  }

  forEach(range: LeaseRange, visit: (view: LeaseView<V>) => boolean | undefined | void): number {
    return this.#reads.forEach(range, visit);
  }

  count(range?: LeaseRange, options?: CountOptions): number {
    return this.#reads.count(range, options);
  }

  /** Never ousted: what it holds on to is the collector's business. */
  snapshot(options?: SnapshotOptions): LeaseSnapshot<V> {
    this.#checkOpen();
    checkSnapshotAge(options);
    const { index, nowMs } = this.#parts;
    const atMs = nowMs();
    return new IndexSnapshot(atMs, (checkOpen) => {
      return new IndexReads(index.freeze(), this.codec, this.texts, () => atMs, checkOpen);
    });
  }

  async consistentSnapshot(options?: SnapshotOptions): Promise<LeaseSnapshot<V>> {
    return this.snapshot(options);
  }

  async flush(): Promise<void> {
    this.#checkOpen();
    await this.#queue.drained();
    this.#parts.journal?.sync();
  }

  async checkpoint(): Promise<void> {
    this.#checkOpen();
    await this.#queue.drained();
    const made = this.#checkpoints.then(() => this.#makeCheckpoint());
    this.#checkpoints = made.catch(() => {});
    await made;
  }

  async backup(directory: string, options?: BackupOptions): Promise<void> {
    this.#checkOpen();
    const { onProgress, signal } = checkBackup(options);
    if (typeof directory !== 'string' || directory === '') throw invalidArgument('directory', 'a path', directory);
    checkNotAborted(signal);
    const { journal, index, nowMs } = this.#parts;
    if (journal?.backup === undefined) {
      throw unsupported(this.engine, 'backup', 'read a snapshot of it and import that elsewhere');
    }
    await this.#queue.drained();
    journal.sync();
    await journal.backup(resolve(directory), index.freeze(), nowMs(), { onProgress, signal });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  metrics(): unknown {
    const { index, tokens, journal } = this.#parts;
    return {
      engine: this.engine,
      leases: index.size,
      pending: this.#queue.pending,
      tokenHigh: tokens.last,
      checkpointFailures: this.#checkpointFailures,
      ...this.#counts,
      ...journal?.metrics(),
    };
  }

  protected override async submit(operation: Operation, durability: Durability | undefined): Promise<Answer> {
    this.#checkOpen();
    if (durability !== undefined) this.#checkDurability(durability);
    const synced = durability === 'synced' || this.#parts.options.durability === 'synced';
    return this.#queue.submit(operation, synced);
  }

  protected override ownerKeys(owner: ByteText, after: ByteText | undefined, limit: number): ByteText[] {
    this.#checkOpen();
    return this.#reads.keysWithin(ownerRange(owner, after), limit);
  }

  protected override get tokenHigh(): number {
    return this.#parts.tokens.last;
  }

  /** Decide and apply, one after the other; keep; answer. If it cannot be kept, it did not happen. */
  #commit(operations: readonly Operation[], synced: boolean): Answer[] {
    const { index, tokens, journal } = this.#parts;
    const nowMs = this.#parts.nowMs();
    const before: (LeaseRecord | undefined)[] = [];
    const changes: Change[] = [];
    const decisions: Decision[] = [];
    for (const operation of operations) {
      const decision = decide(operation, index.get(operation.key), nowMs, tokens);
      decisions.push(decision);
      if (decision.change === undefined) continue;
      before.push(index.apply(decision.change));
      changes.push(decision.change);
    }
    try {
      if (changes.length > 0) journal?.append(changes, nowMs, tokens, synced);
    } catch (error) {
      for (let i = changes.length - 1; i >= 0; i--) index.restore(changes[i].key, before[i]);
      throw error;
    }
    for (let i = 0; i < operations.length; i++) this.#counts.add(operations[i], decisions[i]);
    this.#counts.groups++;
    if (journal?.checkpointDue === true) this.#checkpointInBackground();
    return decisions.map(({ answer }) => answer);
  }

  async #makeCheckpoint(): Promise<void> {
    const { journal, index, nowMs } = this.#parts;
    await journal?.checkpoint(index.freeze(), nowMs());
  }

  /** A checkpoint that fails costs a longer replay, and is tried again when as much was logged once more. */
  #checkpointInBackground(): void {
    if (this.#checkpointOrdered) return;
    this.#checkpointOrdered = true;
    this.#checkpoints = this.#checkpoints
      .then(() => this.#makeCheckpoint())
      .catch(() => {
        this.#checkpointFailures++;
      })
      .finally(() => {
        this.#checkpointOrdered = false;
      });
  }

  #sweep(): void {
    const { index } = this.#parts;
    const nowMs = this.#parts.nowMs();
    for (const key of index.deadlines.take(nowMs, SWEEP_MAX)) {
      const record = index.get(key);
      if (record === undefined) continue;
      if (isLive(record, nowMs)) index.deadlines.set(key, record.expiresAtMs);
      else this.#queue.submit({ kind: 'expire', key }, false).catch(() => this.#sweepLater(key));
    }
  }

  #sweepLater(key: ByteText): void {
    const record = this.#parts.index.get(key);
    if (record !== undefined) this.#parts.index.deadlines.set(key, record.expiresAtMs);
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#queue.drained();
    await this.#checkpoints;
    await this.#parts.journal?.close(this.#parts.nowMs());
  }

  /** Work of the store's own, which keeps no process alive. Its failures show in the next call that meets them. */
  #every(intervalMs: number, work: () => void): void {
    const timer = setInterval(() => {
      try {
        work();
      } catch {}
    }, intervalMs);
    this.#timers.push(timer.unref());
  }

  #checkDurability(durability: Durability): void {
    if (durability === 'synced' && !this.supports.synced) {
      throw unsupported(this.engine, "durability: 'synced'", 'take an engine that keeps files');
    }
  }

  readonly #checkOpen = (): void => {
    if (this.#closed !== undefined) throw storeClosed();
  };
}

class IndexSnapshot<V> implements LeaseSnapshot<V> {
  readonly atMs: number;
  readonly #reads: IndexReads<V>;
  #closed = false;

  constructor(atMs: number, readsWith: (checkOpen: () => void) => IndexReads<V>) {
    this.atMs = atMs;
    this.#reads = readsWith(() => {
      if (this.#closed) throw snapshotClosed();
    });
  }

  get(key: ActorKey): Lease<V> | undefined {
    return this.#reads.get(key);
  }

  check(key: ActorKey, token: number): boolean {
    return this.#reads.check(key, token);
  }

  range(range?: LeaseRange): IterableIterator<Lease<V>> {
    return this.#reads.range(range);
  }

  forEach(range: LeaseRange, visit: (view: LeaseView<V>) => boolean | undefined | void): number {
    return this.#reads.forEach(range, visit);
  }

  count(range?: LeaseRange, options?: CountOptions): number {
    return this.#reads.count(range, options);
  }

  close(): void {
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
