import * as assert from 'uvu/assert';
import { HEALTH_SYNC_FAILED } from '../../native-layout/shard-control.js';
import { LeaseStoreError } from '../../src/errors.js';
import type { Operation } from '../../src/engines/semantics/rules.js';
import type { Durability } from '../../src/lease.js';
import type { RecoverySummary } from '../../src/shard/shard.js';
import type { FaultFileSystem } from './fault-file-system.js';
import { LeaseModel } from './lease-model.js';
import { HandClock, makeShardDirectory, type Pending, ShardDriver } from './shard-driver.js';
import type { StoredLease } from './stored-leases.js';
import type { Random } from './tree-random.js';

/** What readers saw at one LSN. */
export interface State {
  readonly leases: ReadonlyMap<string, StoredLease>;
  readonly storeMs: number;
}

interface Posted {
  readonly operation: Operation;
  readonly pending: Pending;
  readonly nowMs: number;
}

export interface HistoryOptions {
  readonly durability: Durability;
  readonly random: Random;
  readonly files: FaultFileSystem;
}

const KEYS = Array.from({ length: 14 }, (_, i) => `${i % 3 === 0 ? 'chat' : 'game'}/${i}`);
const OWNERS = ['n1', 'n2', 'a node with a long name, so that names fill their leaf sooner'];
/** What a call says that the disk failed, or a shard that such a failure ended. */
const FAULT_CODES = new Set<string>(['ERR_HOLDFAST_DISK_FULL', 'ERR_HOLDFAST_IO', 'ERR_HOLDFAST_READ_ONLY']);
const VALUE_SIZES = [0, 3, 40, 600, 2500];

/**
 * A shard's life in random operations, each checked against the rules of leases: groups of writes, expiry, syncs,
 * checkpoints, segments, full disks, failed syncs, restarts and kills. Keeps what every LSN looked like.
 */
export class ShardHistory {
  readonly clock = new HandClock();
  readonly model = new LeaseModel();
  readonly states = new Map<number, State>();
  driver: ShardDriver;
  /** The disk promised to have everything up to here. */
  durableLsn = 0;
  /** The highest token that anybody was shown. */
  tokenMax = 0;
  readonly #options: HistoryOptions;
  readonly #posted: Posted[] = [];
  /** Keys of operations whose outcome nobody knows. */
  readonly #inDoubt = new Set<string>();

  constructor(options: HistoryOptions) {
    this.#options = options;
    makeShardDirectory(options.files);
    this.driver = this.#open();
  }

  /** Does something that happens to a shard, and opens it again if that was the end of it. */
  act(): void {
    this.#act();
    if (this.#hasFailed) this.#reopenAfterFailure();
  }

  get #hasFailed(): boolean {
    return (this.driver.control.health & HEALTH_SYNC_FAILED) !== 0;
  }

  #act(): void {
    const { random, files, durability } = this.#options;
    switch (random.below(16)) {
      case 0:
        // Now and then past every token that the log covers.
        this.clock.advance(random.between(1, random.chance(0.4) ? 40_000 : 9000));
        this.#step();
        return;
      case 1:
      case 2:
        this.driver.syncInBackground();
        this.#step();
        return;
      case 3:
        this.#step();
        // Until all is on the disk, or a sync failed: one that got no descriptor is tried again, but not while the
        // checkpoint waits for it, for then nobody else runs here.
        while (this.driver.syncInBackground());
        this.#tolerant(() => this.driver.checkpoint());
        return;
      case 4: {
        // No frame with a record is that short.
        const bytesWritten = random.below(60);
        const endFault = files.inject({ code: 'ENOSPC', operation: 'write', path: /wal-/, bytesWritten });
        this.#group();
        endFault();
        return;
      }
      case 5:
        if (random.chance(0.4)) this.#failSync();
        else this.#restart();
        return;
      default:
        if (durability === 'written' && random.chance(0.15)) this.#waitFor(this.driver.flush());
        this.clock.advance(random.below(400));
        this.#group();
    }
  }

  /** Does something that a fault of the disk may stop; answers `undefined` if one did. */
  #tolerant<T>(step: () => T): T | undefined {
    const { files } = this.#options;
    const { failures } = files;
    try {
      return step();
    } catch (error) {
      const isTyped = error instanceof LeaseStoreError && FAULT_CODES.has(error.code);
      if (!isTyped || (files.failures === failures && !this.#hasFailed)) throw error;
      return undefined;
    }
  }

  /** An opening that a fault stopped is tried again. */
  #open(): ShardDriver {
    const { files, durability, random } = this.#options;
    const { clock } = this;
    const seed = random.u32();
    const found: RecoverySummary[] = [];
    const attempt = () => {
      const driver = new ShardDriver({ files, clock, durability, ...SMALL, seed });
      const summary = driver.recover();
      found.push(summary);
      driver.start(summary);
      return driver;
    };
    let driver = this.#tolerant(attempt);
    while (driver === undefined) driver = this.#tolerant(attempt);
    // Of a group whose sync failed nobody saw what it did, and it may be on the disk all the same; and so may what an
    // opening that failed wrote, which changes no lease.
    for (const { lsn, lastStoreMs } of found) {
      if (!this.states.has(lsn)) this.states.set(lsn, { leases: driver.leases(), storeMs: lastStoreMs });
    }
    this.#observe(driver);
    return driver;
  }

  #restart(): void {
    const { random } = this.#options;
    this.#settle();
    if (this.#hasFailed) return;
    if (random.chance(0.5)) {
      this.#tolerant(() => this.driver.close());
      this.#apply();
      // The last record says that no token beyond the last was handed out.
      const { lsn } = this.driver.published;
      this.states.set(lsn + 1, this.states.get(lsn) as State);
    }
    this.clock.advance(random.below(5000));
    if (random.chance(0.3)) this.clock.wall -= random.below(3_600_000);
    this.driver = this.#open();
    this.model.expectSame(this.driver.leases(), this.driver.nowMs, 'after a restart');
  }

  /** A sync fails while there is something to sync. */
  #failSync(): void {
    const { random, files } = this.#options;
    const operation = random.pick(['fdatasync', 'fsync', 'syncDirectory'] as const);
    const endFault = files.inject({ code: 'EIO', operation });
    this.#group();
    this.driver.syncInBackground();
    endFault();
  }

  /** The shard takes no more writes. What it did last is there or not, and everything else as it was. */
  #reopenAfterFailure(): void {
    while (this.#posted.length > 0) this.#step();
    this.#observe(this.driver);
    this.driver = this.#open();
    this.model.adopt(this.#inDoubt, this.driver.leases());
    this.#inDoubt.clear();
    this.model.expectSame(this.driver.leases(), this.driver.nowMs, 'after a failure that was final');
  }

  #group(): void {
    const { random } = this.#options;
    for (let i = random.between(1, 6); i > 0; i--) this.#post();
    this.#step();
  }

  #post(): void {
    const { random } = this.#options;
    const { driver } = this;
    const key = random.pick(KEYS);
    const synced = random.chance(0.1);
    const size = random.chance(0.3) ? random.pick(VALUE_SIZES) : undefined;
    const value = size === undefined ? undefined : String(random.below(10)).repeat(size);
    const as = { synced, ...(value === undefined ? {} : { value }) };
    const bytes = value === undefined ? undefined : Buffer.from(value);
    const ttlMs = random.between(1, 20_000);
    const owner = random.pick(OWNERS);
    const known = this.model.records.get(key);
    const token =
      known === undefined || random.chance(0.1) ? Math.max(1, this.model.token - random.below(2)) : known.token;
    const add = (operation: Operation, pending: Pending) =>
      this.#posted.push({ operation, pending, nowMs: driver.nowMs });
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2: {
        const previous = random.chance(0.2) ? token : undefined;
        const call = driver.acquire(key, owner, ttlMs, { ...as, ...(previous === undefined ? {} : { previous }) });
        add({ kind: 'acquire', key, owner, ttlMs, value: bytes, previous }, call);
        return;
      }
      case 3:
        add({ kind: 'release', key, token }, driver.release(key, token, { synced }));
        return;
      case 4: {
        const imported = Math.max(1, this.model.token + random.between(-1_000_000, 3_000_000));
        const expiresAtMs = Math.ceil(driver.nowMs) + ttlMs;
        const record = { owner, token: imported, expiresAtMs, ttlMs, renewals: random.below(5) };
        const call = driver.import(key, { ...record, value });
        add({ kind: 'import', key, record: { ...record, value: bytes } }, call);
        return;
      }
      default: {
        const ttl = random.chance(0.5) ? ttlMs : undefined;
        const call = driver.renew(key, token, { ...as, ...(ttl === undefined ? {} : { ttlMs: ttl }) });
        add({ kind: 'renew', key, token, ttlMs: ttl, value: bytes }, call);
      }
    }
  }

  /** One group. What was answered is applied to the model; what waits for the disk, and all behind it, later. */
  #step(): void {
    const { driver } = this;
    driver.step();
    this.#observe(driver);
    const { published } = driver;
    if (this.#options.durability === 'synced') {
      assert.ok(published.lsn <= driver.durableLsn, `LSN ${published.lsn} is visible and not on the disk`);
    }
    this.#apply();
  }

  #settle(): void {
    while (this.#posted.length > 0 || this.driver.step()) {
      this.driver.syncInBackground();
      this.#step();
    }
    this.#observe(this.driver);
  }

  #waitFor(flushed: Pending): void {
    const { lsn } = this.driver.published;
    while (!flushed.done) {
      this.#step();
      this.driver.syncInBackground();
    }
    if (flushed.answer.code !== undefined) return;
    assert.ok(this.driver.durableLsn >= lsn, 'a flush is answered once the disk has everything before it');
  }

  #observe(driver: ShardDriver): void {
    const { published } = driver;
    const { lsn, token, storeMs } = published;
    this.durableLsn = Math.max(this.durableLsn, driver.durableLsn);
    this.tokenMax = Math.max(this.tokenMax, token);
    // A commit without records is not in the log, and neither is its time.
    if (this.states.has(lsn)) return;
    this.states.set(lsn, { leases: driver.leases(), storeMs });
  }

  #apply(): void {
    let done = 0;
    for (const { operation, pending, nowMs } of this.#posted) {
      if (!pending.done) break;
      done++;
      const { answer } = pending;
      if (answer.unknown) this.#inDoubt.add(operation.key);
      if (this.#inDoubt.has(operation.key)) this.model.raise(answer.token);
      else if (answer.code !== undefined) assert.ok(FAULT_CODES.has(answer.code), answer.code);
      else this.model.apply(operation, nowMs, answer, `LSN ${this.driver.published.lsn}`);
    }
    this.#posted.splice(0, done);
    if (this.#posted.length > 0 || this.#inDoubt.size > 0) return;
    this.model.expectSame(this.driver.leases(), this.driver.nowMs, `LSN ${this.driver.published.lsn}`);
  }
}

/** So small that segments roll and nodes split in a short history. */
export const SMALL = { memoryBytes: 1 << 19, ringBytes: 1 << 14, segmentBytesMax: 1500, sweepIntervalMs: 500 };
