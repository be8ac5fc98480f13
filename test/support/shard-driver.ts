import * as mail from '../../native-layout/mailbox.js';
import { createControl, DURABLE_LSN } from '../../native-layout/shard-control.js';
import { Calls, type Target } from '../../src/client/calls.js';
import type { Completion } from '../../src/client/completion.js';
import { Mailbox } from '../../src/client/mailbox.js';
import { Outgoing } from '../../src/client/request-writer.js';
import type { Clock } from '../../src/clock.js';
import type { FileSystem } from '../../src/io/file-system.js';
import { Key, KeyEncoder } from '../../src/key.js';
import type { Durability } from '../../src/lease.js';
import { ClientBell } from '../../src/mailbox/client-bell.js';
import { createRing } from '../../src/mailbox/ring.js';
import { type Commit, Control, readCommit } from '../../src/memory/control.js';
import { claimRow } from '../../src/memory/pins.js';
import { Slabs } from '../../src/memory/slabs.js';
import type { OnRestart } from '../../src/options.js';
import type { SavedCheckpoint } from '../../src/recovery/save.js';
import { BackgroundSync } from '../../src/shard/background-sync.js';
import { Bell } from '../../src/shard/bell.js';
import { checkpointShard } from '../../src/shard/checkpoint-order.js';
import { type RecoverySummary, Shard, type ShardConfig } from '../../src/shard/shard.js';
import { type StoredLease, storedLeases } from './stored-leases.js';
import { Random } from './tree-random.js';

export const STORE_ID = Uint8Array.from({ length: 16 }, (_, i) => 16 - i);
export const SHARD_DIRECTORY = '/shard';

/** Time that stands still until a test moves it. */
export class HandClock implements Clock {
  monotonic = 1000;
  wall = 1_700_000_000_000;
  /** The look at the clock, counted from now, at which the thread that looks dies. */
  looksUntilDeath = Number.POSITIVE_INFINITY;

  monotonicMs(): number {
    if (--this.looksUntilDeath === 0) throw new ThreadDeath();
    return this.monotonic;
  }

  wallMs(): number {
    return this.wall;
  }

  advance(ms: number): void {
    this.monotonic += ms;
    this.wall += ms;
  }
}

/** What ends a shard's thread at a place of the test's choosing. */
export class ThreadDeath extends Error {}

export interface DriverOptions {
  readonly files: FileSystem;
  /** Which shard of which store it is, and where. */
  readonly shard?: number;
  readonly storeId?: Uint8Array;
  readonly directory?: string;
  readonly clock: HandClock;
  readonly durability?: Durability;
  readonly nodeBytes?: number;
  readonly memoryBytes?: number;
  readonly ringBytes?: number;
  readonly segmentBytesMax?: number;
  readonly sweepIntervalMs?: number;
  readonly onRestart?: OnRestart;
  readonly seed?: number;
  /** Prepares the rings before anybody looks at them, as for positions near the end of their numbers. */
  readonly prepareRing?: (ring: SharedArrayBuffer) => void;
}

/** What a shard answered to one request; everything that the completion carried. */
export interface Answer {
  readonly status: number;
  readonly ttlMs: number;
  readonly expiresAtMs: number;
  readonly count: number;
  readonly token: number;
  readonly renewals: number;
  /** Of a refusal: who holds the key, and the value that is stored with it. */
  readonly owner: string;
  readonly value: string | undefined;
  /** Of a failure. */
  readonly code: string | undefined;
  readonly unknown: boolean;
}

/** A request under way. */
export class Pending implements Target {
  answers = 0;
  #answer: Answer | undefined;

  get done(): boolean {
    return this.#answer !== undefined;
  }

  get answer(): Answer {
    if (this.#answer === undefined) throw new Error('the shard has not answered');
    return this.#answer;
  }

  complete(done: Completion): void {
    const { status, ttlMs, expiresAtMs, count, token, renewals } = done;
    const held = status === mail.STATUS_HELD;
    const failed = status === mail.STATUS_FAILED;
    const value = held ? done.value : undefined;
    this.answers++;
    this.#answer = {
      status,
      ttlMs,
      expiresAtMs,
      count,
      token,
      renewals,
      owner: held ? Buffer.from(done.owner).toString() : '',
      value: value === undefined ? undefined : Buffer.from(value).toString(),
      code: failed ? done.failure : undefined,
      unknown: failed && done.outcomeUnknown,
    };
  }

  fail(error: Error): void {
    throw error;
  }
}

export interface WriteAs {
  readonly value?: string;
  readonly synced?: boolean;
}

/**
 * One real shard in the calling thread: its memory, its rings and a client at their other end, moved by hand. Keys are
 * written `type/id`.
 */
export class ShardDriver {
  readonly options: DriverOptions;
  readonly config: ShardConfig;
  readonly control: Control;
  readonly slabs: Slabs;
  shard: Shard;
  readonly mailbox: Mailbox;
  readonly calls = new Calls();
  readonly #sync: BackgroundSync;
  readonly #out = new Outgoing();
  readonly #key = new Key();
  readonly #encoder = new KeyEncoder();
  readonly #row: number;
  readonly #random: Random;
  #aheadMs = 0;

  constructor(options: DriverOptions) {
    this.options = options;
    const { files, nodeBytes = 2048, memoryBytes = 1 << 20, ringBytes = 1 << 15 } = options;
    const { shard = 0, directory = SHARD_DIRECTORY } = options;
    this.slabs = Slabs.reserve(nodeBytes, memoryBytes);
    const bell = Bell.create();
    this.config = {
      shard,
      shards: 1,
      directory,
      storeId: options.storeId ?? STORE_ID,
      control: createControl(shard, nodeBytes),
      slabs: this.slabs.handle,
      requests: createRing(ringBytes),
      completions: createRing(ringBytes),
      clientBell: ClientBell.create(),
      bell,
      durability: options.durability ?? 'written',
      waitStrategy: 'park',
      sweepIntervalMs: options.sweepIntervalMs ?? 1000,
      cores: 1,
      ...(options.segmentBytesMax === undefined ? {} : { segmentBytesMax: options.segmentBytesMax }),
    };
    options.prepareRing?.(this.config.requests);
    options.prepareRing?.(this.config.completions);
    this.#random = new Random(options.seed ?? 1);
    this.control = new Control(this.config.control);
    this.shard = this.#newShard();
    this.mailbox = new Mailbox(this.control, this.config.requests, this.config.completions);
    this.#sync = new BackgroundSync(
      files,
      [{ control: this.control, directory }],
      new Bell(bell),
      Number.POSITIVE_INFINITY,
    );
    this.#row = claimRow([this.control]);
  }

  /** Makes the shard's directory where there is none, recovers and starts. */
  static open(options: DriverOptions): ShardDriver {
    makeShardDirectory(options.files);
    const driver = new ShardDriver(options);
    driver.start(driver.recover());
    return driver;
  }

  recover(): RecoverySummary {
    return this.shard.recover();
  }

  /** As the opener of a store does it: store time goes on from wherever it was last seen. */
  start(found: RecoverySummary): void {
    const { clock, onRestart = 'keep-deadlines' } = this.options;
    const storeMs = Math.max(clock.wallMs(), found.lastStoreMs);
    this.#aheadMs = storeMs - clock.monotonicMs();
    this.shard.start({ time: { storeMs, monotonicMs: clock.monotonicMs() }, onRestart });
  }

  #newShard(): Shard {
    const { files, clock } = this.options;
    return new Shard(this.config, { files, clock, random: () => this.#random.u32() });
  }

  /** The shard's thread has died: another takes over. What was under way is never answered. */
  replace(): void {
    const { clock } = this.options;
    clock.looksUntilDeath = Number.POSITIVE_INFINITY;
    this.mailbox.hold(this.calls);
    this.shard = this.#newShard();
    this.shard.resume({ storeMs: this.nowMs, monotonicMs: clock.monotonicMs() });
    this.mailbox.resume();
  }

  /** Store time. */
  get nowMs(): number {
    return this.options.clock.monotonicMs() + this.#aheadMs;
  }

  /** Everything up to this LSN is known to be on the disk. */
  get durableLsn(): number {
    return this.control.lsn(DURABLE_LSN);
  }

  acquire(key: string, owner: string, ttlMs: number, as: WriteAs & { readonly previous?: number } = {}): Pending {
    const out = this.#request(mail.OP_ACQUIRE, key, as);
    out.owner = this.#encoder.owner(owner);
    out.ttlMs = ttlMs;
    if (as.previous !== undefined) {
      out.flags |= mail.FLAG_PREVIOUS;
      out.token = as.previous;
    }
    return this.#post(out);
  }

  renew(key: string, token: number, as: WriteAs & { readonly ttlMs?: number } = {}): Pending {
    const out = this.#request(mail.OP_RENEW, key, as);
    out.token = token;
    if (as.ttlMs !== undefined) {
      out.flags |= mail.FLAG_TTL;
      out.ttlMs = as.ttlMs;
    }
    return this.#post(out);
  }

  release(key: string, token: number, as: WriteAs = {}): Pending {
    const out = this.#request(mail.OP_RELEASE, key, as);
    out.token = token;
    return this.#post(out);
  }

  releaseOwner(owner: string): Pending {
    const out = this.#out.set(mail.OP_RELEASE_OWNER, undefined);
    out.owner = this.#encoder.owner(owner);
    return this.#post(out);
  }

  import(key: string, lease: StoredLease): Pending {
    const out = this.#request(mail.OP_IMPORT, key, lease.value === undefined ? {} : { value: lease.value });
    out.owner = this.#encoder.owner(lease.owner);
    out.token = lease.token;
    out.expiresAtMs = lease.expiresAtMs;
    out.ttlMs = lease.ttlMs;
    out.renewals = lease.renewals;
    return this.#post(out);
  }

  flush(): Pending {
    return this.#post(this.#out.set(mail.OP_FLUSH, undefined));
  }

  /** Shows the shard what was posted, lets it work until nothing is left to do, and takes its answers. */
  settle(): void {
    do {
      this.mailbox.send();
      while (this.shard.step()) this.mailbox.drain(this.calls);
    } while (this.mailbox.drain(this.calls));
  }

  /** Posts nothing new: one group at most. Answers whether there was one. */
  step(): boolean {
    this.mailbox.send();
    const worked = this.shard.step();
    this.mailbox.drain(this.calls);
    return worked;
  }

  /** The answer to a request that was just posted. */
  answer(pending: Pending): Answer {
    this.settle();
    return pending.answer;
  }

  /** What the thread that syncs in the background does at its interval. */
  syncInBackground(): boolean {
    return this.#sync.syncAll();
  }

  /** What a maintenance thread does; the log must be on the disk, for nobody else runs meanwhile. */
  checkpoint(): SavedCheckpoint {
    const { shard, control, slabs, bell, storeId, directory } = this.config;
    const order = { shard, storeId, directory, replaces: true, control, slabs, bell, row: this.#row };
    return checkpointShard(this.options.files, order, () => {});
  }

  /** The commit that readers see. */
  get published(): Commit {
    return readCommit(this.control, this.control.current);
  }

  /** What readers see, after a check that it is sound. */
  leases(): Map<string, StoredLease> {
    return storedLeases(this.slabs, this.published);
  }

  close(): void {
    this.settle();
    this.shard.close();
  }

  #request(op: number, key: string, { value, synced }: WriteAs): Outgoing {
    const slash = key.indexOf('/');
    const actor = { type: key.slice(0, slash), id: key.slice(slash + 1) };
    const out = this.#out.set(op, this.#encoder.encode(this.#key, actor));
    if (synced === true) out.flags |= mail.FLAG_SYNCED;
    return out.withValue(value === undefined ? undefined : Buffer.from(value));
  }

  #post(out: Outgoing): Pending {
    const pending = new Pending();
    out.call = this.calls.add(pending, 0, 0);
    this.mailbox.post(out);
    return pending;
  }
}

export function makeShardDirectory(files: FileSystem): void {
  if (files.makeDirectory(SHARD_DIRECTORY)) files.syncDirectory('/');
}
