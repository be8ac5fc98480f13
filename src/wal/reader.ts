import { FRAME_HEADER_BYTES, FRAME_HEADER_WORDS, SEGMENT_HEADER_BYTES } from '../../native-layout/wal-frame.js';
import { corruptFile } from '../errors.js';
import type { FileSystem } from '../io/file-system.js';
import { type Frame, FrameSearch, readFrame } from './frame.js';
import { type RecordFailure, RecordReader, type RecordVisitor } from './record-reader.js';
import { RecordRun } from './record-run.js';
import {
  checkSegmentOwner,
  decodeSegmentHeader,
  type LogOwner,
  listSegments,
  type SegmentFile,
  type SegmentHeader,
} from './segment.js';
import { FileWindow } from './window.js';

/*
 * What a damaged log means. A crash leaves the end of the log torn: bytes that were written and not yet synced are
 * there, in part or in any order. Damage to bytes that *were* synced is corruption, and must never be taken for a torn
 * end, for cutting it off would lose acknowledged leases. So a frame that does not check out is torn only if nothing
 * shows that it was durable once:
 *
 * - a later frame of the segment that knows a later LSN to be durable (each frame says what was durable when it was
 *   built; a later frame alone proves nothing, since unsynced writes reach the disk in any order);
 * - a later segment: a segment is followed by another only once it is durable to its end;
 * - the checkpoint that replay starts from: one is published only once all that it holds is durable in the log.
 *
 * Two cases need no proof because no record is missing. If a whole frame behind the damage goes on with the very next
 * LSN, only durable marks were damaged. And if the next segment is of a later epoch and goes on with the very next LSN,
 * an earlier recovery judged these bytes torn and started behind them.
 *
 * A segment's header is durable before its first frame is written, so a bad header is torn only in the last segment,
 * with nothing behind it.
 */

export interface WalScanOptions extends LogOwner {
  /** Records up to this LSN are not needed: a checkpoint holds them. 0 for all. */
  readonly fromLsn: number;
  /** Hears every record after `fromLsn`. Without one the frames are checked and not decoded. */
  readonly visitor?: RecordVisitor;
  /**
   * Whether the visitor hears records in about the order of the tree, run by run: those of one key in the order of the
   * log, and none on the other side of one that speaks of all leases.
   */
  readonly inTreeOrder?: boolean;
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
}

export interface ScannedSegment {
  readonly id: number;
  readonly path: string;
  /** Up to where it is good. */
  readonly bytes: number;
  readonly epoch: number;
  readonly firstLsn: number;
  readonly lastLsn: number;
  /** Whole frames; 0 in a segment that was not read because nothing in it is needed. */
  readonly frames: number;
}

/** The end of the log that a crash left: to be cut off before anything else is written. */
export interface TornTail {
  readonly segmentId: number;
  readonly path: string;
  /** Where the good part ends; 0 when not even the header of the segment is whole. */
  readonly offset: number;
  /** How much there is to cut off. */
  readonly bytes: number;
  readonly reason: string;
}

export interface WalScan {
  /** LSN of the last good record; `fromLsn` when there are no segments. */
  readonly lastLsn: number;
  /** What the log or the checkpoint that it follows says to be on the disk: every record up to this LSN. */
  readonly durableLsn: number;
  /** The latest store time that a frame or header tells, 0 if there is none. */
  readonly lastStoreMs: number;
  readonly lastEpoch: number;
  /** The last segment with a good header, 0 if there is none. The next one to be made is the one after it. */
  readonly lastSegmentId: number;
  /** Oldest first, all that follow each other without a hole. */
  readonly segments: readonly ScannedSegment[];
  readonly torn?: TornTail;
}

/**
 * Checks one shard's log, and replays it to the visitor. Changes nothing. Throws ERR_HOLDFAST_CORRUPT if anything that
 * is needed is missing or damaged, perhaps after the visitor heard records before it; ERR_HOLDFAST_FORMAT for a log of
 * a newer version.
 */
export function scanWal(files: FileSystem, directory: string, options: WalScanOptions): WalScan {
  return new Scan(files, directory, options).run();
}

interface OpenedSegment {
  readonly file: SegmentFile;
  readonly size: number;
  readonly header: SegmentHeader;
}

class Scan {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #options: WalScanOptions;
  #records: RecordReader | undefined;
  readonly #window: FileWindow;
  readonly #scanned: ScannedSegment[] = [];
  #bytesDone = 0;
  #bytesTotal = 0;
  #lastLsn: number;
  #durableLsn: number;
  #lastStoreMs = 0;
  #torn: TornTail | undefined;

  constructor(files: FileSystem, directory: string, options: WalScanOptions) {
    this.#files = files;
    this.#directory = directory;
    this.#options = options;
    this.#window = new FileWindow((bytes) => this.#progress(bytes));
    this.#lastLsn = options.fromLsn;
    this.#durableLsn = options.fromLsn;
  }

  run(): WalScan {
    const segments = this.#openHeaders();
    const needed = segments.filter((_, i) => this.#isNeeded(segments[i + 1]));
    this.#bytesTotal = needed.reduce((sum, segment) => sum + segment.size, 0);
    const { visitor, inTreeOrder } = this.#options;
    const run = inTreeOrder === true ? new RecordRun(this.#bytesTotal) : undefined;
    if (visitor !== undefined) this.#records = new RecordReader(visitor, run);
    segments.forEach((segment, i) => {
      const next = segments[i + 1];
      this.#lastLsn = segment.header.firstLsn - 1;
      this.#durableLsn = Math.max(this.#durableLsn, this.#lastLsn);
      this.#lastStoreMs = Math.max(this.#lastStoreMs, segment.header.storeMs);
      if (this.#isNeeded(next)) this.#readSegment(segment, next);
      else this.#skipSegment(segment, next as OpenedSegment);
    });
    const last = segments.at(-1);
    if (last !== undefined && this.#lastLsn < this.#options.fromLsn) {
      const why = `the log ends at LSN ${this.#lastLsn}, and a checkpoint shows that it went on to ${this.#options.fromLsn}`;
      throw corruptFile(last.file.path, last.size, why);
    }
    return {
      lastLsn: this.#lastLsn,
      durableLsn: this.#durableLsn,
      lastStoreMs: this.#lastStoreMs,
      lastEpoch: last?.header.epoch ?? 0,
      lastSegmentId: last?.header.segmentId ?? 0,
      segments: this.#scanned,
      ...(this.#torn === undefined ? {} : { torn: this.#torn }),
    };
  }

  #isNeeded(next: OpenedSegment | undefined): boolean {
    return next === undefined || next.header.firstLsn > this.#options.fromLsn + 1;
  }

  /** Reads all headers first: what a segment may look like depends on the one after it. */
  #openHeaders(): OpenedSegment[] {
    const found = listSegments(this.#files, this.#directory);
    const run = trailingRun(found);
    const opened: OpenedSegment[] = [];
    for (const file of run) {
      const segment = this.#openHeader(file, file === run.at(-1));
      if (segment === undefined) break;
      const before = opened.at(-1);
      if (before !== undefined) checkOrder(before, segment);
      opened.push(segment);
    }
    const first = opened[0];
    const { fromLsn } = this.#options;
    if (first !== undefined && first.header.firstLsn > fromLsn + 1) {
      const why = `the log starts at LSN ${first.header.firstLsn} and is needed from ${fromLsn + 1}; an older segment is missing`;
      throw corruptFile(first.file.path, 0, why);
    }
    return opened;
  }

  /** Undefined for a last segment whose header is torn. */
  #openHeader(file: SegmentFile, isLast: boolean): OpenedSegment | undefined {
    const handle = this.#files.open(file.path, 'read');
    try {
      const size = handle.size();
      const bytes = new Uint8Array(Math.min(size, SEGMENT_HEADER_BYTES));
      handle.read(bytes, 0, bytes.length, 0);
      const header = decodeSegmentHeader(file.path, bytes);
      if (typeof header !== 'string') {
        checkSegmentOwner(file, header, this.#options);
        return { file, size, header };
      }
      if (!isLast || size > SEGMENT_HEADER_BYTES) throw corruptFile(file.path, 0, header);
      this.#torn = { segmentId: file.id, path: file.path, offset: 0, bytes: size, reason: header };
      return undefined;
    } finally {
      handle.close();
    }
  }

  #skipSegment({ file, size, header }: OpenedSegment, next: OpenedSegment): void {
    this.#lastLsn = next.header.firstLsn - 1;
    this.#scanned.push({
      id: file.id,
      path: file.path,
      bytes: size,
      epoch: header.epoch,
      firstLsn: header.firstLsn,
      lastLsn: this.#lastLsn,
      frames: 0,
    });
  }

  #readSegment(segment: OpenedSegment, next: OpenedSegment | undefined): void {
    const { file, header, size } = segment;
    const handle = this.#files.open(file.path, 'read');
    try {
      this.#window.open(handle, size);
      const { frames, offset, failure } = this.#readFrames(segment);
      this.#expectRead(this.#records?.flush());
      if (failure !== undefined) this.#judge(segment, next, offset, failure);
      this.#scanned.push({
        id: file.id,
        path: file.path,
        bytes: offset,
        epoch: header.epoch,
        firstLsn: header.firstLsn,
        lastLsn: this.#lastLsn,
        frames,
      });
    } finally {
      handle.close();
    }
    if (next !== undefined && next.header.firstLsn !== this.#lastLsn + 1) {
      const why = `the segment before it ends at LSN ${this.#lastLsn}, and this one starts at ${next.header.firstLsn}`;
      throw corruptFile(next.file.path, 0, why);
    }
  }

  /** Reads whole frames up to the end of the file or to damage that hides a record. */
  #readFrames({ header, size }: OpenedSegment): { frames: number; offset: number; failure: string | undefined } {
    const window = this.#window;
    let offset = SEGMENT_HEADER_BYTES;
    let frames = 0;
    while (offset < size) {
      let frame = readFrame(window, offset, header);
      if (typeof frame === 'string') {
        const found = new FrameSearch(window, header).next(offset + 4);
        if (found === undefined || found.firstLsn !== this.#lastLsn + 1) return { frames, offset, failure: frame };
        frame = found;
      }
      this.#take(frame);
      offset = frame.offset + frame.bytes;
      frames++;
    }
    return { frames, offset, failure: undefined };
  }

  #take(frame: Frame): void {
    const window = this.#window;
    if (frame.firstLsn !== this.#lastLsn + 1) {
      const why = `a frame starts at LSN ${frame.firstLsn} where ${this.#lastLsn + 1} comes next`;
      throw corruptFile(window.path, frame.offset, why);
    }
    if (this.#records !== undefined && frame.lastLsn > this.#options.fromLsn) this.#replay(this.#records, frame);
    this.#lastLsn = frame.lastLsn;
    this.#durableLsn = Math.max(this.#durableLsn, frame.durableLsn);
    this.#lastStoreMs = Math.max(this.#lastStoreMs, frame.storeMs);
  }

  #replay(records: RecordReader, frame: Frame): void {
    const window = this.#window;
    const start = window.load(frame.offset, frame.bytes) / 4;
    const failure = records.read(
      window.words,
      window.bytes,
      start + FRAME_HEADER_WORDS,
      start + frame.bytes / 4,
      frame.count,
      frame.firstLsn,
      this.#options.fromLsn,
      frame.offset + FRAME_HEADER_BYTES,
    );
    this.#expectRead(failure);
  }

  #expectRead(failure: RecordFailure | undefined): void {
    if (failure !== undefined) throw corruptFile(this.#window.path, failure.offset, failure.why);
  }

  /** Damage at `offset` hides the records after `lastLsn`: torn, or proven to be corruption? See the top of this file. */
  #judge(segment: OpenedSegment, next: OpenedSegment | undefined, offset: number, failure: string): void {
    const { file, header, size } = segment;
    const lost = this.#lastLsn + 1;
    if (next !== undefined) {
      if (next.header.epoch > header.epoch && next.header.firstLsn === lost) return;
      throw corruptFile(file.path, offset, `${failure}, and the next segment shows that it was durable`);
    }
    if (this.#torn !== undefined) {
      throw corruptFile(file.path, offset, `${failure}, and the start of a next segment shows that it was durable`);
    }
    if (this.#options.fromLsn >= lost) {
      throw corruptFile(file.path, offset, `${failure}, and a checkpoint shows that LSN ${lost} was durable`);
    }
    const search = new FrameSearch(this.#window, header);
    let whole = 0;
    for (let frame = search.next(offset + 4); frame !== undefined; frame = search.next(frame.offset + frame.bytes)) {
      if (frame.durableLsn >= lost) {
        throw corruptFile(file.path, offset, `${failure}, and a later frame shows that LSN ${lost} was durable`);
      }
      whole++;
    }
    const reason =
      whole === 0
        ? failure
        : `${failure}; ${whole} later frames are whole, but nothing shows that LSN ${lost} was durable`;
    this.#torn = { segmentId: file.id, path: file.path, offset, bytes: size - offset, reason };
  }

  #progress(bytes: number): void {
    this.#bytesDone = Math.min(this.#bytesDone + bytes, this.#bytesTotal);
    this.#options.onProgress?.(this.#bytesDone, this.#bytesTotal);
  }
}

/**
 * The newest segments up to the first hole. Old segments are removed oldest first, but a power cut may bring some
 * back: what lies before a hole is not needed, or else the check of the first LSN says so.
 */
function trailingRun(found: readonly SegmentFile[]): readonly SegmentFile[] {
  let start = found.length - 1;
  while (start > 0 && found[start - 1].id === found[start].id - 1) start--;
  return found.slice(Math.max(start, 0));
}

function checkOrder(before: OpenedSegment, segment: OpenedSegment): void {
  const { path } = segment.file;
  if (segment.header.epoch < before.header.epoch) {
    throw corruptFile(path, 0, `epoch ${segment.header.epoch} comes after ${before.header.epoch}`);
  }
  if (segment.header.firstLsn < before.header.firstLsn) {
    throw corruptFile(path, 0, `LSN ${segment.header.firstLsn} comes after ${before.header.firstLsn}`);
  }
}
