import { randomInt } from 'node:crypto';
import { TWO_32 } from '../../../native-layout/format.js';
import { LeaseStoreError } from '../../errors.js';
import type { FileSystem } from '../../io/file-system.js';
import type { TokenSource } from '../../shard/tokens.js';
import { FrameBuilder, type ShiftMode } from '../../wal/frame-builder.js';
import { scanWal, type WalScan } from '../../wal/reader.js';
import type { RecordVisitor } from '../../wal/record-reader.js';
import type { LogOwner } from '../../wal/segment.js';
import { settleLog } from '../../wal/settle.js';
import { WalWriter } from '../../wal/writer.js';
import type { Change } from '../semantics/rules.js';
import { FrameFiller } from './frames.js';

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;

/** Any 32 bits. */
export function randomSalt(): number {
  return randomInt(TWO_32);
}

/** Reads a log behind `fromLsn` into the visitor, and cuts off what a crash left torn. */
export function replayLog(
  files: FileSystem,
  directory: string,
  owner: LogOwner,
  fromLsn: number,
  visitor: RecordVisitor,
  onProgress?: (bytesDone: number, bytesTotal: number) => void,
): WalScan {
  const scan = scanWal(files, directory, {
    ...owner,
    fromLsn,
    visitor,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  settleLog(files, directory, scan);
  return scan;
}

/** The log of an indexed store: one frame a group, written and synced in the store's own thread. */
export class GroupLog {
  readonly #wal: WalWriter;
  readonly #frame = new FrameBuilder();
  readonly #filler = new FrameFiller();
  #bytesWritten = 0;
  #syncs = 0;
  /** The highest ceiling in the log, on the disk or not. */
  #ceiling: number;

  private constructor(wal: WalWriter, ceiling: number) {
    this.#wal = wal;
    this.#ceiling = ceiling;
  }

  /** Goes on behind what was replayed, in a segment of a new epoch. */
  static resume(
    files: FileSystem,
    directory: string,
    owner: LogOwner,
    scan: WalScan,
    storeMs: number,
    ceiling: number,
  ): GroupLog {
    const wal = WalWriter.create(files, directory, {
      ...owner,
      segmentId: scan.lastSegmentId + 1,
      epoch: scan.lastEpoch + 1,
      lastLsn: scan.lastLsn,
      storeMs,
      salt: randomSalt(),
    });
    return new GroupLog(wal, ceiling);
  }

  get lastLsn(): number {
    return this.#wal.lastLsn;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get syncs(): number {
    return this.#syncs;
  }

  get ceiling(): number {
    return this.#ceiling;
  }

  /**
   * Appends the changes of a group, and a token ceiling where one is due. Tokens beyond the ceiling on the disk must
   * not be seen: a group that handed out some is synced whether it asked or not.
   */
  append(
    changes: readonly Change[],
    nowMs: number,
    tokens: TokenSource,
    synced: boolean,
    isWhole: (change: Change) => boolean,
  ): void {
    const frame = this.#frame;
    tokens.durable(this.#wal.durableLsn);
    this.#begin(nowMs);
    for (const change of changes) this.#filler.change(frame, change, isWhole(change));
    const ceiling = tokens.due;
    if (ceiling !== 0) {
      frame.ceiling(ceiling);
      tokens.logged(ceiling, this.#wal.lastLsn + frame.count);
    }
    try {
      this.#finish();
      if (synced || tokens.uncovered) this.#syncGroup();
    } catch (error) {
      tokens.forgetAfter(this.#wal.lastLsn);
      throw error;
    }
    if (ceiling !== 0) this.#ceiling = ceiling;
    tokens.durable(this.#wal.durableLsn);
  }

  /** Logs what `onRestart` did to every deadline, on the disk before anything else happens. */
  shift(mode: ShiftMode, ms: number, nowMs: number): void {
    this.#begin(nowMs);
    this.#frame.shift(mode, ms);
    this.#finish();
    this.sync();
  }

  sync(): void {
    if (this.#wal.durableLsn === this.#wal.lastLsn) return;
    this.#wal.sync();
    this.#syncs++;
  }

  /** Syncs and says so in the log itself, so that damage to it is never taken for a torn end. */
  close(nowMs: number): void {
    try {
      this.sync();
      this.#begin(nowMs);
      this.#finish();
      this.#wal.sync();
    } finally {
      this.#wal.close();
    }
  }

  /** The group is in the log by now: if it cannot be synced, nobody knows whether it is there when the store opens again. */
  #syncGroup(): void {
    try {
      this.sync();
    } catch (error) {
      const { code, message } = error as LeaseStoreError;
      throw new LeaseStoreError(code ?? 'ERR_HOLDFAST_IO', message, { outcome: 'unknown', cause: error });
    }
  }

  #begin(nowMs: number): void {
    if (this.#wal.bytes >= SEGMENT_BYTES_MAX) {
      this.sync();
      this.#wal.roll(nowMs, randomSalt());
    }
    this.#frame.begin(this.#wal.lastLsn + 1, nowMs, this.#wal.durableLsn);
  }

  #finish(): void {
    const { count } = this.#frame;
    const bytes = this.#frame.finish(this.#wal);
    this.#wal.append(bytes, count);
    this.#bytesWritten += bytes.length;
  }
}
