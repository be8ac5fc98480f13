import * as mail from '../../native-layout/mailbox.js';
import { HEALTH_CLOSED } from '../../native-layout/shard-control.js';
import { LeaseStoreError } from '../errors.js';
import type { Durability } from '../lease.js';
import type { RingReader } from '../mailbox/ring.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Commits } from '../memory/commits.js';
import type { Control } from '../memory/control.js';
import type { Slabs } from '../memory/slabs.js';
import type { LeaseTable, Roots } from '../table/lease-table.js';
import type { FrameBuilder } from '../wal/frame-builder.js';
import type { Completions, Failure } from './completions.js';
import { AT, type Counters } from '../metrics/counters.js';
import { shutGate } from './gate.js';
import { Grants } from './grants.js';
import type { LogKeeper } from './log-keeper.js';
import type { MemoryGuard } from './memory-guard.js';
import { OwnerReleases } from './owner-releases.js';
import { Repack } from './repack.js';
import { Request } from './requests.js';
import { Sweep } from './sweep.js';
import type { TokenSource } from './tokens.js';

export interface ShardParts {
  readonly control: Control;
  readonly slabs: Slabs;
  readonly allocator: NodeAllocator;
  readonly commits: Commits;
  readonly table: LeaseTable;
  readonly tokens: TokenSource;
  readonly frame: FrameBuilder;
  readonly log: LogKeeper;
  readonly requests: RingReader;
  readonly completions: Completions;
  readonly counters: Counters;
  readonly memory: MemoryGuard;
  readonly durability: Durability;
  readonly sweepIntervalMs: number;
  /** Store time, ms since the epoch: monotonic, so that latencies are differences of it. */
  readonly nowMs: () => number;
}

/** Requests that one commit takes at most: enough to pay for a log write, few enough to keep its latency short. */
const GROUP_MAX = 1024;

/** Longer than any read that is worth waiting for. */
const CLOSE_PATIENCE_MS = 1000;

/** What a group began with, to go back to if it cannot be logged. */
interface GroupStart {
  roots: Roots;
  lsn: number;
}

/**
 * The single writer of a shard. One group of requests is one log frame, one commit of the trees and one publication:
 *
 *   take → decide and apply, one after the other → append the frame → sync if asked → publish → answer
 *
 * Whatever fails before the publication drops the unpublished trees, and every request of the group fails.
 */
export class ShardWriter {
  readonly #p: ShardParts;
  readonly #request: Request;
  readonly #grants: Grants;
  readonly #calls: number[] = [];
  /** Calls of earlier groups that this one answers: some of what they ask for was carried out by then. */
  readonly #ending: number[] = [];
  readonly #sweep: Sweep;
  readonly #ownerReleases: OwnerReleases;
  readonly #repack: Repack;
  readonly #memory: MemoryGuard;
  readonly #start: GroupStart;
  #lsn: number;
  /** The instant that requests are judged at. */
  #nowMs = 0;
  #beganMs = 0;
  #mustSync = false;
  #barrier = false;
  /** Whether there was work for the last group and none of it could be done. */
  #stuck = false;
  /** Requests whose answers wait for the disk, though the commit does not. */
  #wantsSync = false;

  constructor(parts: ShardParts) {
    this.#p = parts;
    this.#lsn = parts.log.lastLsn;
    this.#request = new Request(parts.requests);
    this.#sweep = new Sweep(parts.table, parts.sweepIntervalMs);
    this.#ownerReleases = new OwnerReleases(parts.table, parts.slabs);
    this.#memory = parts.memory;
    this.#repack = new Repack(parts.slabs, parts.table, parts.memory, parts.nowMs);
    this.#grants = new Grants({ ...parts, sweep: this.#sweep, repack: this.#repack });
    this.#start = { roots: parts.table.roots, lsn: this.#lsn };
  }

  get lsn(): number {
    return this.#lsn;
  }

  /** LSN of the last record in the frame being built. */
  get #frameLsn(): number {
    return this.#start.lsn + this.#p.frame.count;
  }

  /** Store time at which the last group began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Store time at which housekeeping has something to do again. */
  get nextDueMs(): number {
    if (this.#p.log.refusal !== undefined || this.#closed) return Number.POSITIVE_INFINITY;
    return Math.min(this.#sweep.dueMs, this.#repack.dueMs);
  }

  /** Shows readers what recovery found. */
  publishFirst(): void {
    this.#nowMs = this.#p.nowMs();
    this.#publish();
    this.#memory.afterPublish();
  }

  /** The last words of a log that is closed: no token beyond the last was handed out. */
  sealTokens(): void {
    const { frame, log, tokens } = this.#p;
    if (log.refusal !== undefined) return;
    frame.begin(this.#lsn + 1, this.#p.nowMs(), log.durableLsn);
    frame.ceiling(tokens.last);
    log.append(frame, 1, this.#p.nowMs());
    this.#lsn++;
  }

  /** Whether there is work that no request brings: housekeeping, or answers that waited for the disk. */
  get due(): boolean {
    const { completions, log, nowMs } = this.#p;
    const waitsFor = completions.waitsFor;
    if (completions.crowded || (waitsFor > 0 && (log.failed || log.durableLsn >= waitsFor))) return true;
    return this.#ownerReleases.pending || nowMs() >= this.nextDueMs;
  }

  /** Whether a barrier was answered, and the shard must now stand at its gate. */
  takeBarrier(): boolean {
    const stands = this.#barrier;
    this.#barrier = false;
    return stands;
  }

  /** Takes what waits, and commits it. Answers whether there was anything to do. */
  runGroup(): boolean {
    const p = this.#p;
    this.#stuck = false;
    if (!p.requests.ready && !this.due) return false;
    const answered = this.#begin();
    const taken = this.#takeRequests();
    const swept = this.#keepHouse(taken);
    if (taken === 0 && !swept) {
      this.#stuck = !answered;
      return answered;
    }
    this.#logCeiling();
    if (!this.#commitGroup()) return true;
    p.counters.record('groupSize', taken);
    return true;
  }

  /**
   * Whether what is to be done waits for somebody else: for readers that hold all memory, or for a client that takes no
   * answers. Nobody says when that is over.
   */
  get stuck(): boolean {
    return this.#stuck;
  }

  /** Answers calls that waited for the disk, now that it has caught up, and those that can never be carried out. */
  answerWaiting(): boolean {
    const { completions, log } = this.#p;
    if (log.failed) {
      completions.failKept('ERR_HOLDFAST_IO');
      for (const call of this.#ownerReleases.giveUp()) completions.failed(call, 'ERR_HOLDFAST_IO', true);
    }
    if (!completions.giveWaiting(log.durableLsn)) return false;
    completions.publish();
    return true;
  }

  /** Answers whether calls that had waited were answered. */
  #begin(): boolean {
    const p = this.#p;
    p.requests.look();
    this.#nowMs = p.nowMs();
    this.#beganMs = this.#nowMs;
    const { durableLsn } = p.log;
    p.tokens.durable(durableLsn);
    this.#memory.makeRoom(this.#nowMs);
    if (this.#hopeless) {
      for (const call of this.#ownerReleases.giveUp()) p.completions.failed(call, 'ERR_HOLDFAST_FULL', true);
    }
    const answered = this.answerWaiting();
    this.#start.roots = p.table.roots;
    this.#start.lsn = this.#lsn;
    p.completions.beginGroup();
    this.#calls.length = 0;
    this.#ending.length = 0;
    this.#mustSync = p.durability === 'synced';
    this.#wantsSync = false;
    p.frame.begin(this.#lsn + 1, this.#nowMs, durableLsn);
    return answered;
  }

  /** Readers hold all memory, perhaps for ever, and a store that is being closed waits only for so long. */
  get #hopeless(): boolean {
    return this.#memory.starvedMs >= CLOSE_PATIENCE_MS && this.#closed;
  }

  /** Whether the store is being closed, or fenced off because memory is damaged: nothing is done that nobody asked for. */
  get #closed(): boolean {
    return (this.#p.control.health & HEALTH_CLOSED) !== 0;
  }

  #takeRequests(): number {
    const { requests, completions, frame } = this.#p;
    const refusal = this.#p.log.refusal ?? (this.#hopeless ? 'ERR_HOLDFAST_FULL' : undefined);
    let taken = 0;
    while (taken < GROUP_MAX && !this.#barrier && !frame.full && completions.roomy) {
      if (refusal === undefined && !this.#memory.roomForAnother()) break;
      if (!requests.known) {
        if (!requests.look()) break;
        this.#readClock();
      }
      taken++;
      const request = this.#request.open(requests.next());
      this.#calls.push(request.call);
      if (refusal === undefined) this.#carryOut(request);
      else completions.refused(request.call, refusal);
    }
    return taken;
  }

  /** Behind each look for requests: none is judged at an instant before it was sent, however long its group lasts. */
  #readClock(): void {
    this.#nowMs = this.#p.nowMs();
    this.#p.frame.judgedAt(this.#nowMs);
  }

  #carryOut(request: Request): void {
    const { completions, frame } = this.#p;
    const mark = completions.mark();
    const before = frame.count;
    switch (request.op) {
      case mail.OP_RENEW:
        this.#grants.renew(request, this.#nowMs);
        break;
      case mail.OP_ACQUIRE:
        this.#grants.acquire(request, this.#nowMs);
        break;
      case mail.OP_RELEASE:
        this.#grants.release(request, this.#nowMs);
        break;
      case mail.OP_IMPORT:
        this.#grants.import(request, this.#nowMs);
        break;
      case mail.OP_RELEASE_OWNER:
        this.#ownerReleases.add(request.call, request.owner, this.#p.tokens.last);
        return;
      case mail.OP_FLUSH:
        completions.done(request.call, mail.STATUS_OK, 0, 0, 0, 0);
        this.#keepUntilDurable(mark);
        return;
      case mail.OP_BARRIER:
        completions.done(request.call, mail.STATUS_OK, 0, 0, 0, 0);
        shutGate(this.#p.control);
        this.#barrier = true;
        return;
    }
    if (request.has(mail.FLAG_SYNCED) && frame.count > before) this.#keepUntilDurable(mark);
  }

  /** In a store that does not sync every commit: gives the answer written since `mark` only once the disk has all so far. */
  #keepUntilDurable(mark: number): void {
    const lsn = this.#frameLsn;
    if (this.#mustSync || this.#p.log.durableLsn >= lsn) return;
    this.#p.completions.keep(mark, lsn, mail.DONE_BODY);
    this.#wantsSync = true;
  }

  /** A slice of work that no request of this group asked for. Answers whether there was any. */
  #keepHouse(taken: number): boolean {
    if (this.#p.log.refusal !== undefined) return false;
    const closed = this.#closed;
    let worked = false;
    if (!closed && this.#sweep.due(this.#nowMs) && this.#canTakeMore) {
      worked = this.#sweep.slice(this.#nowMs, this.#roomForRemovals, this.#grants.expire);
    }
    if (this.#ownerReleases.pending && this.#canTakeMore && this.#p.completions.roomy) {
      this.#ownerReleases.slice(this.#roomForRemovals(), this.#grants.releaseAll, this.#answerReleased);
      worked = true;
    }
    if (taken > 0) this.#repack.makeWay(this.#nowMs);
    if (!closed && this.#nowMs >= this.#repack.dueMs) worked = this.#repack.slice() || worked;
    return worked;
  }

  readonly #roomForRemovals = (): number => Math.min(this.#p.frame.roomForRemovals, this.#memory.roomForRemovals);

  readonly #answerReleased = (call: number, released: number): void => {
    this.#p.completions.done(call, mail.STATUS_OK, 0, released, 0, 0);
    if (!this.#calls.includes(call)) this.#ending.push(call);
  };

  get #canTakeMore(): boolean {
    return !this.#p.frame.full && this.#memory.roomForAnother();
  }

  #logCeiling(): void {
    const { tokens, frame, log } = this.#p;
    if (log.refusal !== undefined) return;
    const ceiling = tokens.due;
    if (ceiling !== 0) {
      frame.ceiling(ceiling);
      tokens.logged(ceiling, this.#frameLsn);
    }
    // Tokens beyond the ceiling on the disk: nobody may see them before the disk knows of a higher one.
    if (tokens.uncovered) this.#mustSync = true;
  }

  /** Log, publish, answer. `false` if the group failed. */
  #commitGroup(): boolean {
    const p = this.#p;
    const { count } = p.frame;
    this.#lsn = this.#frameLsn;
    const logMs = p.nowMs();
    try {
      if (count > 0) p.log.append(p.frame, count, this.#nowMs);
      if (this.#mustSync && p.log.durableLsn < this.#lsn) p.log.sync();
    } catch (error) {
      this.#giveUp(error);
      return false;
    }
    p.counters.record('walNs', (p.nowMs() - logMs) * 1e6);
    if (this.#mustSync) p.tokens.durable(p.log.durableLsn);
    this.#publish();
    if (this.#wantsSync) p.log.requestSync();
    // Before the answers: they make the client send what had found no room.
    p.requests.release();
    p.completions.publish();
    p.log.written(this.#lsn);
    this.#memory.afterPublish();
    p.counters.record('commitNs', (p.nowMs() - this.#beganMs) * 1e6);
    return true;
  }

  #publish(): void {
    const { table, commits, allocator, tokens, counters } = this.#p;
    const { leases, owners, names, leaseCount, ownerCount, nameCount } = table.roots;
    counters.set(AT.nodesBornLast, allocator.born);
    commits.publish({
      commit: allocator.commit,
      lsn: this.#lsn,
      storeMs: Math.ceil(this.#nowMs),
      leases,
      owners,
      names,
      leaseCount,
      ownerCount,
      nameCount,
      token: tokens.last,
    });
    allocator.published();
    counters.add(AT.commits, 1);
    counters.set(AT.earliestDeadlineMs, Number.isFinite(this.#sweep.dueMs) ? this.#sweep.dueMs : 0);
    counters.set(AT.tokenHigh, tokens.last);
    counters.set(AT.tokenCeiling, tokens.ceiling);
  }

  /** The group could not be logged: everything it did is dropped, and its callers are told. */
  #giveUp(error: unknown): void {
    const p = this.#p;
    const unknown = p.log.failed;
    p.table.reset(this.#start.roots);
    p.allocator.rollback();
    p.tokens.forgetAfter(this.#start.lsn);
    this.#sweep.gaveUp(this.#nowMs);
    this.#lsn = this.#start.lsn;
    this.#barrier = false;
    p.completions.dropGroup();
    // Nothing comes back by itself when the log has failed for good, whatever made it fail.
    const failure = unknown ? 'ERR_HOLDFAST_IO' : failureOf(error);
    for (const call of this.#calls) p.completions.failed(call, failure, unknown);
    for (const call of [...this.#ending, ...this.#ownerReleases.giveUp()]) {
      // Of one that began in an earlier group, some slices were carried out.
      if (!this.#calls.includes(call)) p.completions.failed(call, failure, true);
    }
    p.requests.release();
    this.answerWaiting();
  }
}

function failureOf(error: unknown): Failure {
  const code = error instanceof LeaseStoreError ? error.code : undefined;
  return mail.FAILURES.find((failure) => failure === code) ?? 'ERR_HOLDFAST_IO';
}
