import { u53 } from '../../native-layout/lease-record.js';
import {
  FRAME_EPOCH,
  FRAME_HEADER_BYTES,
  FRAME_HEADER_WORDS,
  FRAME_SALT,
  FRAME_SEGMENT,
  SEGMENT_HEADER_BYTES,
} from '../../native-layout/wal-frame.js';
import { LeaseStoreError } from '../errors.js';
import type { FileSystem } from '../io/file-system.js';
import { type Frame, FrameSearch, readFrame } from './frame.js';
import type { FrameHome } from './frame-builder.js';
import { RecordReader, type RecordVisitor } from './record-reader.js';
import { checkSegmentOwner, decodeSegmentHeader, type LogOwner, listSegments, type SegmentFile } from './segment.js';
import { FileWindow } from './window.js';

/*
 * What is left of a damaged log. The reader proper answers whether a log is good, and stops where it is not; this one
 * takes every whole frame, whatever is around it, and tells what is missing in between. Frames still prove themselves
 * in the same way: by their checksum, and by the salt of their segment. Where the header with the salt is damaged, the
 * first frame stands in for it: it is where only the log's writer puts bytes, and not what some lease says.
 */

/** A place in a file, and what is wrong there. */
export interface LogDamage {
  readonly path: string;
  readonly offset: number;
  readonly why: string;
}

/** Records that are not to be had. */
export interface LogGap extends LogDamage {
  readonly firstLsn: number;
  /** Of the last one that is known to have been there; before `firstLsn` if none is. */
  readonly lastLsn: number;
  /** Nothing tells whether more of them followed: the gap is at the end of the log. */
  readonly open: boolean;
}

/** Hears all records that are left, in LSN order, and each gap between them. */
export interface FragmentVisitor extends RecordVisitor {
  gap(gap: LogGap): void;
}

export interface FragmentOptions extends LogOwner {
  /** A checkpoint holds the records up to this LSN: that they are missing is no gap. 0 for none. */
  readonly fromLsn: number;
  /** The log is known to have come at least so far. */
  readonly provenLsn: number;
  readonly visitor: FragmentVisitor;
}

export interface Fragments {
  /** The highest LSN that anything tells of. */
  readonly lastLsn: number;
  readonly lastStoreMs: number;
}

/**
 * Visits what is left of one shard's log, however damaged. Changes nothing. Throws what the visitor throws, if it is no
 * damage, and ERR_HOLDFAST_FORMAT for a log of another version.
 */
export function readFragments(files: FileSystem, directory: string, options: FragmentOptions): Fragments {
  return new FragmentReader(files, directory, options).run();
}

/** What the start of a segment's file says. */
interface Start {
  readonly file: SegmentFile;
  readonly home: FrameHome | undefined;
  readonly firstLsn: number | undefined;
  readonly storeMs: number;
  /** Why there is no header. */
  readonly damage: string | undefined;
  /** A good header of another log: nothing in the file is ours. */
  readonly foreign: boolean;
}

class FragmentReader {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #options: FragmentOptions;
  readonly #records: RecordReader;
  readonly #window = new FileWindow();
  /** Undefined until anything tells where the log begins. */
  #lastLsn: number | undefined;
  #lastStoreMs = 0;
  #durableLsn = 0;
  /** Damage behind the last whole frame. */
  #damage: LogDamage | undefined;

  constructor(files: FileSystem, directory: string, options: FragmentOptions) {
    this.#files = files;
    this.#directory = directory;
    this.#options = options;
    this.#records = new RecordReader(options.visitor);
  }

  run(): Fragments {
    const segments = listSegments(this.#files, this.#directory).map((file) => this.#start(file));
    segments.forEach((segment, i) => {
      const next = segments.slice(i + 1).find(({ firstLsn }) => firstLsn !== undefined);
      this.#readSegment(segment, next?.firstLsn ?? Number.POSITIVE_INFINITY);
    });
    this.#end(segments.at(-1));
    return { lastLsn: this.#lastLsn ?? 0, lastStoreMs: this.#lastStoreMs };
  }

  #start(file: SegmentFile): Start {
    const nothing = { file, home: undefined, firstLsn: undefined, storeMs: 0, foreign: false };
    const header = orDamage(() => {
      const handle = this.#files.open(file.path, 'read');
      try {
        const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
        return decodeSegmentHeader(file.path, bytes.subarray(0, handle.read(bytes, 0, bytes.length, 0)));
      } finally {
        handle.close();
      }
    });
    if (typeof header === 'string') return { ...nothing, damage: header };
    const stranger = orDamage(() => checkSegmentOwner(file, header, this.#options));
    if (typeof stranger === 'string') return { ...nothing, damage: stranger, foreign: true };
    return {
      file,
      home: header,
      firstLsn: header.firstLsn,
      storeMs: header.storeMs,
      damage: undefined,
      foreign: false,
    };
  }

  /** `before`: where a later segment begins. What this one says of such LSNs, an opening after a crash had cut off. */
  #readSegment(segment: Start, before: number): void {
    const { path } = segment.file;
    if (segment.damage !== undefined) this.#damaged(path, 0, segment.damage);
    if (segment.foreign) return;
    if (segment.firstLsn !== undefined) {
      this.#reach(segment.firstLsn, { path, offset: 0, why: 'the records before this segment are missing' });
      this.#damage = undefined;
    }
    this.#lastStoreMs = Math.max(this.#lastStoreMs, segment.storeMs);
    const failure = orDamage(() => {
      const handle = this.#files.open(path, 'read');
      try {
        this.#window.open(handle, handle.size());
        const home = segment.home ?? this.#homeOfFirstFrame(segment.file);
        if (home !== undefined) this.#readFrames(home, before);
      } finally {
        handle.close();
      }
    });
    if (typeof failure === 'string') this.#damaged(path, 0, failure);
  }

  #readFrames(home: FrameHome, before: number): void {
    const window = this.#window;
    const search = new FrameSearch(window, home);
    for (let offset = SEGMENT_HEADER_BYTES; offset < window.size; ) {
      let frame = orDamage(() => readFrame(window, offset, home));
      if (typeof frame === 'string') {
        this.#damaged(window.path, offset, frame);
        const found = search.next(offset + 4);
        if (found === undefined) return;
        frame = found;
      }
      if (frame.firstLsn < before) this.#take(frame);
      offset = frame.offset + frame.bytes;
    }
  }

  #take(frame: Frame): void {
    const { path } = this.#window;
    this.#reach(frame.firstLsn, { path, offset: frame.offset, why: 'the records before this frame are missing' });
    this.#damage = undefined;
    this.#durableLsn = Math.max(this.#durableLsn, frame.durableLsn);
    this.#lastStoreMs = Math.max(this.#lastStoreMs, frame.storeMs);
    const last = this.#lastLsn as number;
    // A durable mark, or a frame that is there twice.
    if (frame.lastLsn <= last) return;
    const window = this.#window;
    const start = window.load(frame.offset, frame.bytes) / 4;
    const end = start + frame.bytes / 4;
    const { words, bytes } = window;
    const failure = this.#records.read(
      words,
      bytes,
      start + FRAME_HEADER_WORDS,
      end,
      frame.count,
      frame.firstLsn,
      last,
      frame.offset + FRAME_HEADER_BYTES,
    );
    this.#lastLsn = frame.lastLsn;
    if (failure === undefined) return;
    this.#gap({ path, ...failure }, frame.firstLsn, frame.lastLsn, false);
  }

  /** The segment whose header is gone, as its first frame tells, if that is whole. */
  #homeOfFirstFrame({ id }: SegmentFile): FrameHome | undefined {
    const window = this.#window;
    if (window.size < SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES) return undefined;
    const at = window.load(SEGMENT_HEADER_BYTES, FRAME_HEADER_BYTES) / 4;
    const { words } = window;
    const home = {
      salt: words[at + FRAME_SALT],
      segmentId: u53(words, at + FRAME_SEGMENT),
      epoch: u53(words, at + FRAME_EPOCH),
    };
    if (home.segmentId !== id) return undefined;
    return typeof readFrame(window, SEGMENT_HEADER_BYTES, home) === 'string' ? undefined : home;
  }

  /** The log goes on at `firstLsn`; what lies between is missing because of the last damage, or else of `otherwise`. */
  #reach(firstLsn: number, otherwise: LogDamage): void {
    this.#lastLsn ??= Math.min(this.#options.fromLsn, firstLsn - 1);
    if (firstLsn <= this.#lastLsn + 1) return;
    this.#gap(this.#damage ?? otherwise, this.#lastLsn + 1, firstLsn - 1, false);
    this.#lastLsn = firstLsn - 1;
  }

  #end(last: Start | undefined): void {
    const { fromLsn, provenLsn } = this.#options;
    const path = last?.file.path ?? this.#directory;
    const offset = last === undefined ? 0 : (this.#files.stat(path)?.bytes ?? 0);
    const why = last === undefined ? 'there is no log in it' : 'the log ends here, and is known to have gone on';
    const lastLsn = this.#lastLsn ?? fromLsn;
    const proven = Math.max(provenLsn, this.#durableLsn);
    this.#lastLsn = Math.max(lastLsn, proven);
    if (last !== undefined && this.#damage === undefined && proven <= lastLsn) return;
    this.#gap(this.#damage ?? { path, offset, why }, lastLsn + 1, proven, true);
  }

  #gap(damage: LogDamage, firstLsn: number, lastLsn: number, open: boolean): void {
    const first = Math.max(firstLsn, this.#options.fromLsn + 1);
    if (first <= lastLsn || open) this.#options.visitor.gap({ ...damage, firstLsn: first, lastLsn, open });
  }

  #damaged(path: string, offset: number, why: string): void {
    this.#damage ??= { path, offset, why };
  }
}

/** What `read` answers, or why it could not: files of a damaged store may be unreadable as well as wrong. */
function orDamage<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (isDamage(error)) return error.message;
    throw error;
  }
}

/** Whether a file is damaged, or cannot be read: all that salvaging can do about either is to pass it over. */
export function isDamage(error: unknown): error is LeaseStoreError {
  return (
    error instanceof LeaseStoreError && (error.code === 'ERR_HOLDFAST_CORRUPT' || error.code === 'ERR_HOLDFAST_IO')
  );
}
