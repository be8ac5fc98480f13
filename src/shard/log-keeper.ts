import * as layout from '../../native-layout/shard-control.js';
import { isDiskFull } from '../io/io-error.js';
import type { Control } from '../memory/control.js';
import type { FrameBuilder } from '../wal/frame-builder.js';
import type { WalWriter } from '../wal/writer.js';
import type { Bell } from './bell.js';
import type { Failure } from './completions.js';
import { AT, type Counters } from '../metrics/counters.js';

/** A segment rolls at this length, so that a checkpoint frees space in steps. */
const SEGMENT_BYTES = 64 * 1024 * 1024;

/**
 * The shard's side of durability: appends to the log, knows what is on the disk (its own syncs and those of the
 * background thread, which meets it in shared memory), and keeps the flags that outlive this thread.
 */
export class LogKeeper {
  readonly #control: Control;
  readonly #wal: WalWriter;
  readonly #bell: Bell;
  readonly #counters: Counters;
  readonly #random: () => number;
  readonly #segmentBytesMax: number;
  /** Durable LSN that the last frame on the disk tells of. */
  #markedLsn: number;

  constructor(
    control: Control,
    wal: WalWriter,
    bell: Bell,
    counters: Counters,
    random: () => number,
    segmentBytesMax = SEGMENT_BYTES,
  ) {
    this.#control = control;
    this.#wal = wal;
    this.#bell = bell;
    this.#counters = counters;
    this.#random = random;
    this.#segmentBytesMax = segmentBytesMax;
    this.#markedLsn = wal.lastLsn;
    control.setLsn(layout.SEGMENT, wal.segmentId);
    control.setLsn(layout.WRITTEN_LSN, wal.lastLsn);
    control.setLsn(layout.DURABLE_LSN, wal.lastLsn);
  }

  /** A sync failed: nothing more can be promised until the store is opened again. */
  get failed(): boolean {
    return (this.#control.health & layout.HEALTH_SYNC_FAILED) !== 0;
  }

  /** Why no write can be taken now. A full disk is no such reason: the next group finds out whether there is room. */
  get refusal(): Failure | undefined {
    return this.failed ? 'ERR_HOLDFAST_READ_ONLY' : undefined;
  }

  get durableLsn(): number {
    const lsn = this.#control.lsn(layout.DURABLE_LSN);
    // After a group failed, the background thread may know of more than the log still has.
    this.#wal.noteDurable(Math.min(lsn, this.#wal.lastLsn));
    return this.#wal.durableLsn;
  }

  append(frame: FrameBuilder, count: number, nowMs: number): void {
    const bytes = this.#attempt(() => {
      if (this.#wal.bytes >= this.#segmentBytesMax) this.#roll(nowMs);
      const finished = frame.finish(this.#wal);
      this.#wal.append(finished, count);
      return finished;
    });
    this.#wasWritten();
    this.#counters.add(AT.walBytes, bytes.length);
    this.#counters.add(AT.walFrames, 1);
  }

  /** Syncs in this thread; a failure is final. */
  sync(): void {
    this.#control.raiseLsn(
      layout.DURABLE_LSN,
      this.#attempt(() => this.#wal.sync()),
    );
    this.#counters.add(AT.syncs, 1);
  }

  /** Tells the background thread how far the log goes. */
  written(lsn: number): void {
    this.#control.setLsn(layout.WRITTEN_LSN, lsn);
    this.#bell.ringIfAsleep();
  }

  /** Asks the background thread for a sync at once. */
  requestSync(): void {
    this.#control.setLsn(layout.WRITTEN_LSN, this.#wal.lastLsn);
    this.#control.setLsn(layout.SYNC_WANTED, this.#wal.lastLsn);
    this.#bell.ring();
  }

  /** Whether the log does not yet say of itself how far it is durable. */
  get unmarked(): boolean {
    return !this.failed && this.#markedLsn < this.#wal.lastLsn;
  }

  /**
   * Puts a durable mark behind the last frame, so that damage to what was synced is never taken for a torn tail.
   * Only when nothing else is to do: it syncs.
   */
  mark(frame: FrameBuilder, nowMs: number): void {
    if (this.failed) return;
    if (this.#wal.durableLsn < this.#wal.lastLsn) this.sync();
    frame.begin(this.#wal.lastLsn + 1, nowMs, this.#wal.durableLsn);
    this.#attempt(() => this.#wal.append(frame.finish(this.#wal), 0));
    this.#wasWritten();
    this.sync();
    this.#markedLsn = this.#wal.lastLsn;
  }

  #wasWritten(): void {
    if ((this.#control.health & layout.HEALTH_DISK_FULL) !== 0) this.#control.clear(layout.HEALTH_DISK_FULL);
  }

  /** Does something to the log, and raises the flags that tell other threads if it fails. */
  #attempt<T>(step: () => T): T {
    if (this.failed) this.#wal.fail(new Error('a sync failed in the background'));
    try {
      return step();
    } catch (error) {
      if (this.#wal.failed) this.#control.raise(layout.HEALTH_SYNC_FAILED);
      else if (isDiskFull(error)) this.#control.raise(layout.HEALTH_DISK_FULL);
      throw error;
    }
  }

  /** Everything must be durable before a new segment begins. */
  #roll(nowMs: number): void {
    if (this.#wal.durableLsn < this.#wal.lastLsn) this.sync();
    this.#wal.roll(nowMs, this.#random());
    this.#control.setLsn(layout.SEGMENT, this.#wal.segmentId);
  }

  get lastLsn(): number {
    return this.#wal.lastLsn;
  }

  /** Lets go of the file. What was not synced is in the page cache. */
  close(): void {
    this.#wal.close();
  }
}
