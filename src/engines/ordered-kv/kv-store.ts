import { checkBackup, checkSnapshotAge } from '../../arguments.js';
import { assert } from '../../assert.js';
import { type Clock, StoreTime } from '../../clock.js';
import { invalidArgument } from '../../errors.js';
import type { ActorKey, CountOptions, Durability, Lease, LeaseRange } from '../../lease.js';
import type { ResolvedOptions } from '../../options.js';
import { TokenSource } from '../../shard/tokens.js';
import { valueCodec } from '../../value-codec.js';
import type {
  AsyncLeaseSnapshot,
  AsyncLeaseStore,
  BackupOptions,
  EngineName,
  SnapshotOptions,
  Supports,
} from '../engine.js';
import { type ByteText, ownerKeyOf } from '../semantics/byte-text.js';
import { Counts } from '../semantics/counts.js';
import { EngineWrites } from '../semantics/engine-writes.js';
import { checkNotAborted, storeClosed, unsupported } from '../semantics/failures.js';
import { ownerRange } from '../semantics/key-range.js';
import type { LeaseRecord } from '../semantics/lease-record.js';
import { type Answer, type Decision, decide, isLive, type Operation } from '../semantics/rules.js';
import type { StoreDirectory } from '../semantics/store-directory.js';
import { WriteQueue } from '../semantics/write-queue.js';
import { LeaseKvReads } from './kv-reads.js';
import { KvSnapshotReads } from './kv-snapshot.js';
import type { KvChange, OrderedKv } from './ordered-kv.js';
import { decodeCounter, encodeCounter, encodeRecord } from './record-codec.js';
import { leaseKey, metaKey, ownerEntryKey } from './spaces.js';

const STORE_TIME = metaKey('store-time');
const TOKEN_CEILING = metaKey('token-ceiling');

/** Leases that one turn of the sweep looks at. */
const SWEEP_LOOKS = 4096;

export interface KvParts {
  readonly options: ResolvedOptions;
  readonly directory: StoreDirectory;
  readonly kv: OrderedKv;
  readonly clock: Clock;
}

/**
 * Leases over any ordered store of keys and values. Its library has no rule for leases, so each group reads what its
 * keys hold, decides, and writes the outcome as one batch; one group is under way at a time, and what arrives meanwhile
 * makes the next one.
 */
export class KvStore<V> extends EngineWrites<V> implements AsyncLeaseStore<V> {
  readonly engine: EngineName;
  readonly supports: Supports;
  readonly #parts: KvParts;
  readonly #time: StoreTime;
  readonly #tokens: TokenSource;
  readonly #queue: WriteQueue;
  readonly #reads: LeaseKvReads<V>;
  readonly #counts = new Counts();
  readonly #timers: NodeJS.Timeout[] = [];
  /** Groups written, and how many of them are known to be on the disk: what LSNs are elsewhere. */
  #written = 0;
  #durable = 0;
  #sweepFrom: ByteText = '';
  /** Work of the store's own that is under way. */
  #background: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  private constructor(parts: KvParts, storeMs: number, ceiling: number) {
    super(valueCodec(parts.options.valueEncoding));
    const { options, kv, clock } = parts;
    this.engine = options.engine;
    this.supports = supportsOf(kv);
    this.#parts = parts;
    this.#time = new StoreTime(clock, { storeMs, monotonicMs: clock.monotonicMs() });
    this.#tokens = new TokenSource(ceiling);
    this.#queue = new WriteQueue((operations, synced) => this.#commit(operations, synced), options.pendingMax);
    this.#reads = new LeaseKvReads(kv, this.codec, this.texts, this.#nowMs, this.#checkOpen);
    this.#every(options.sweepIntervalMs, () => this.#sweep());
    this.#every(options.syncIntervalMs, () => this.#sync());
  }

  /** Starts no earlier than the store was when it was last written to, and above every token that it ever gave. */
  static async open<V>(parts: KvParts): Promise<KvStore<V>> {
    const { kv, clock, directory } = parts;
    const [time, ceiling] = await kv.getMany([STORE_TIME, TOKEN_CEILING]);
    if (!directory.manifest.ready) {
      assert(time === undefined && ceiling === undefined, 'a store that was never made ready holds something');
      await kv.write([{ key: TOKEN_CEILING, value: encodeCounter(0) }], true);
      directory.markReady();
    }
    const storeMs = Math.max(clock.wallMs(), time === undefined ? 0 : decodeCounter(time));
    return new KvStore(parts, storeMs, ceiling === undefined ? 0 : decodeCounter(ceiling));
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

  async snapshot(options?: SnapshotOptions): Promise<AsyncLeaseSnapshot<V>> {
    this.#checkOpen();
    checkSnapshotAge(options);
    const snapshot = this.#parts.kv.snapshot?.();
    if (snapshot === undefined) {
      throw unsupported(this.engine, 'snapshots', 'its ranges are each of one instant; take another engine for more');
    }
    return new KvSnapshotReads(snapshot, this.codec, this.texts, this.#nowMs());
  }

  consistentSnapshot(options?: SnapshotOptions): Promise<AsyncLeaseSnapshot<V>> {
    return this.snapshot(options);
  }

  async flush(): Promise<void> {
    this.#checkOpen();
    await this.#queue.drained();
    await this.#sync();
  }

  /** The library bounds its own log; what is asked of it here is that nothing depends on the page cache. */
  checkpoint(): Promise<void> {
    return this.flush();
  }

  async backup(directory: string, options?: BackupOptions): Promise<void> {
    this.#checkOpen();
    checkNotAborted(checkBackup(options).signal);
    if (typeof directory !== 'string' || directory === '') throw invalidArgument('directory', 'a path', directory);
    throw unsupported(this.engine, 'backup', 'migrate it to a store of another directory, or copy the closed store');
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  metrics(): unknown {
    return {
      engine: this.engine,
      pending: this.#queue.pending,
      tokenHigh: this.#tokens.last,
      unsyncedGroups: this.#written - this.#durable,
      ...this.#counts,
    };
  }

  protected override async submit(operation: Operation, durability: Durability | undefined): Promise<Answer> {
    this.#checkOpen();
    return this.#queue.submit(operation, durability === 'synced' || this.#parts.options.durability === 'synced');
  }

  protected override ownerKeys(owner: ByteText, after: ByteText | undefined, limit: number): Promise<ByteText[]> {
    this.#checkOpen();
    return this.#reads.ownerKeys(ownerRange(owner, after), limit);
  }

  protected override get tokenHigh(): number {
    return this.#tokens.last;
  }

  /** Read, decide one after the other, write the outcome, answer. */
  async #commit(operations: readonly Operation[], synced: boolean): Promise<Answer[]> {
    const keys = [...new Set(operations.map(({ key }) => key))];
    const stored = await this.#reads.records(keys);
    const before = new Map(keys.map((key, i) => [key, stored[i]]));
    const after = new Map(before);
    const nowMs = this.#nowMs();
    const decisions: Decision[] = [];
    for (const operation of operations) {
      const decision = decide(operation, after.get(operation.key), nowMs, this.#tokens);
      decisions.push(decision);
      const { change } = decision;
      if (change !== undefined) after.set(change.key, change.kind === 'remove' ? undefined : change.record);
    }
    const changes = keys.flatMap((key) => changesOf(key, before.get(key), after.get(key)));
    if (changes.length > 0) await this.#write(changes, nowMs, synced);
    for (let i = 0; i < operations.length; i++) this.#counts.add(operations[i], decisions[i]);
    this.#counts.groups++;
    return decisions.map(({ answer }) => answer);
  }

  async #write(changes: KvChange[], nowMs: number, synced: boolean): Promise<void> {
    const tokens = this.#tokens;
    tokens.durable(this.#durable);
    // Rounded up: whoever opens the store next must judge no lease by an earlier instant.
    changes.push({ key: STORE_TIME, value: encodeCounter(Math.ceil(nowMs)) });
    const ceiling = tokens.due;
    if (ceiling !== 0) changes.push({ key: TOKEN_CEILING, value: encodeCounter(ceiling) });
    if (ceiling !== 0) tokens.logged(ceiling, this.#written + 1);
    // No token is seen that a power cut could make the store give again.
    const mustSync = synced || tokens.uncovered;
    try {
      await this.#parts.kv.write(changes, mustSync);
    } catch (error) {
      tokens.forgetAfter(this.#written);
      throw error;
    }
    this.#written++;
    if (mustSync) this.#durable = this.#written;
  }

  /** Puts what was written on the disk: a synced write takes all before it along. */
  async #sync(): Promise<void> {
    const written = this.#written;
    if (written === this.#durable) return;
    await this.#parts.kv.write([{ key: STORE_TIME, value: encodeCounter(Math.ceil(this.#nowMs())) }], true);
    this.#durable = Math.max(this.#durable, written);
  }

  /** Looks at some leases, where it stopped the last time, and has the expired ones removed. */
  async #sweep(): Promise<void> {
    const nowMs = this.#nowMs();
    let looks = 0;
    for await (const slice of this.#reads.slices({ owner: undefined, from: this.#sweepFrom, to: undefined }, false)) {
      const expired = slice.filter(({ record }) => !isLive(record, nowMs));
      await Promise.all(expired.map(({ key }) => this.#queue.submit({ kind: 'expire', key }, false)));
      this.#sweepFrom = `${slice[slice.length - 1].key}\0`;
      looks += slice.length;
      if (looks >= SWEEP_LOOKS) return;
    }
    this.#sweepFrom = '';
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#background;
    await this.#queue.drained();
    try {
      await this.#sync();
    } finally {
      await this.#parts.kv.close();
      await this.#parts.directory.lock.release();
    }
  }

  /** Work of the store's own, one piece at a time. Its failures show in the next call that meets them. */
  #every(intervalMs: number, work: () => Promise<void>): void {
    let idle = true;
    const timer = setInterval(() => {
      if (!idle) return;
      idle = false;
      this.#background = Promise.all([
        this.#background,
        work()
          .catch(() => {})
          .finally(() => {
            idle = true;
          }),
      ]).then(() => {});
    }, intervalMs);
    this.#timers.push(timer.unref());
  }

  readonly #nowMs = (): number => this.#time.nowMs();

  readonly #checkOpen = (): void => {
    if (this.#closed !== undefined) throw storeClosed();
  };
}

function supportsOf(kv: OrderedKv): Supports {
  const snapshots = kv.snapshot !== undefined;
  return {
    persistence: true,
    synced: true,
    syncReads: false,
    snapshots,
    consistentSnapshots: snapshots,
    backup: false,
    attach: false,
  };
}

function changesOf(key: ByteText, before: LeaseRecord | undefined, after: LeaseRecord | undefined): KvChange[] {
  if (before === after) return [];
  const changes: KvChange[] = [{ key: leaseKey(key), value: after === undefined ? undefined : encodeRecord(after) }];
  if (before?.owner === after?.owner) return changes;
  if (before !== undefined) changes.push({ key: ownerEntryKey(ownerKeyOf(before.owner, key)), value: undefined });
  if (after !== undefined) changes.push({ key: ownerEntryKey(ownerKeyOf(after.owner, key)), value: NOTHING });
  return changes;
}

const NOTHING = Buffer.alloc(0);
