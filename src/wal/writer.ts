import { assert } from '../assert.js';
import { LeaseStoreError } from '../errors.js';
import type { File, FileSystem } from '../io/file-system.js';
import type { FrameHome } from './frame-builder.js';
import { encodeSegmentHeader, type LogOwner, type SegmentHeader, segmentPath } from './segment.js';

export interface WalStart extends LogOwner {
  readonly segmentId: number;
  readonly epoch: number;
  /** LSN of the last record before this segment, which must be durable. */
  readonly lastLsn: number;
  readonly storeMs: number;
  /** Any 32 random bits. */
  readonly salt: number;
}

/**
 * The end of one shard's log. Every failure throws what the file system threw. After a failed write the log ends
 * where it ended before, and the next append may succeed; a failed sync, or a failed write that could not be taken
 * back, is final: every later call throws `ERR_HOLDFAST_READ_ONLY`.
 */
export class WalWriter implements FrameHome {
  readonly #files: FileSystem;
  readonly #directory: string;
  #header: SegmentHeader;
  #file: File;
  #bytes: number;
  #lastLsn: number;
  #durableLsn: number;
  #failure: unknown;

  private constructor(files: FileSystem, directory: string, header: SegmentHeader, file: File, bytes: number) {
    this.#files = files;
    this.#directory = directory;
    this.#header = header;
    this.#file = file;
    this.#bytes = bytes;
    this.#lastLsn = header.firstLsn - 1;
    this.#durableLsn = this.#lastLsn;
  }

  /** Starts a new segment, durable before this returns. */
  static create(files: FileSystem, directory: string, start: WalStart): WalWriter {
    const { lastLsn, ...rest } = start;
    const header = { ...rest, firstLsn: lastLsn + 1 };
    const { file, bytes } = createSegment(files, directory, header);
    makeDurable(files, directory, file);
    return new WalWriter(files, directory, header, file, bytes);
  }

  get segmentId(): number {
    return this.#header.segmentId;
  }

  get epoch(): number {
    return this.#header.epoch;
  }

  get salt(): number {
    return this.#header.salt;
  }

  /** The file that appends go to; another thread may sync it through a descriptor of its own. */
  get path(): string {
    return this.#file.path;
  }

  /** Length of the current segment. */
  get bytes(): number {
    return this.#bytes;
  }

  /** LSN of the last record appended. */
  get lastLsn(): number {
    return this.#lastLsn;
  }

  /** Every record up to this LSN is known to be on the disk. */
  get durableLsn(): number {
    return this.#durableLsn;
  }

  /** Whether a failure was final: no call succeeds any more. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Appends a frame finished for this segment, with `count` records from `lastLsn + 1` on. It survives the process,
   * not yet a power cut. Answers the position behind the frame.
   */
  append(frame: Uint8Array, count: number): number {
    this.#checkAlive();
    try {
      this.#file.write(frame, 0, frame.length, this.#bytes);
    } catch (error) {
      this.#takeBack();
      throw error;
    }
    this.#bytes += frame.length;
    this.#lastLsn += count;
    return this.#bytes;
  }

  /** Makes everything appended durable. Answers the durable LSN. */
  sync(): number {
    this.#checkAlive();
    this.#finalIfThrows(() => this.#file.fdatasync());
    this.#durableLsn = this.#lastLsn;
    return this.#durableLsn;
  }

  /** Another thread synced the log up to `lsn`. */
  noteDurable(lsn: number): void {
    assert(lsn <= this.#lastLsn, 'durable before it was written');
    if (lsn > this.#durableLsn) this.#durableLsn = lsn;
  }

  /** No call succeeds from now on: another thread's sync of this log failed, say. */
  fail(cause: unknown): void {
    this.#failure ??= cause ?? new Error('stopped');
  }

  /**
   * Goes on in a new segment. Every record must be durable: a segment is only followed by another once nothing in it
   * can be lost, so that damage to it is never taken for a torn tail. If the new one cannot be created, the log goes
   * on in the old one.
   */
  roll(storeMs: number, salt: number): void {
    this.#checkAlive();
    assert(this.#durableLsn === this.#lastLsn, 'a segment rolls only once it is synced');
    // Durable marks have no LSN: one may still be on its way. Nothing else is, so this sync is short.
    this.sync();
    const header = {
      ...this.#header,
      segmentId: this.#header.segmentId + 1,
      firstLsn: this.#lastLsn + 1,
      storeMs,
      salt,
    };
    // Only an earlier try that could not even take itself back may have left one of that number.
    const path = segmentPath(this.#directory, header.segmentId);
    if (this.#files.stat(path) !== undefined) this.#files.unlink(path);
    const { file, bytes } = createSegment(this.#files, this.#directory, header);
    this.#finalIfThrows(() => makeDurable(this.#files, this.#directory, file));
    const old = this.#file;
    this.#header = header;
    this.#file = file;
    this.#bytes = bytes;
    letGo(old);
  }

  /** Idempotent; promises nothing about what was not synced. */
  close(): void {
    this.fail(new Error('it was closed'));
    this.#file.close();
  }

  /** Cuts off what a failed write may have left. If that fails, nothing must follow the debris. */
  #takeBack(): void {
    try {
      this.#file.truncate(this.#bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  #finalIfThrows(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  #checkAlive(): void {
    if (this.#failure === undefined) return;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_READ_ONLY',
      `the log of shard ${this.#header.shard} takes no more writes (${messageOf(this.#failure)}); close the store, check the disk and open it again`,
      { cause: this.#failure },
    );
  }
}

function createSegment(files: FileSystem, directory: string, header: SegmentHeader): { file: File; bytes: number } {
  const path = segmentPath(directory, header.segmentId);
  const encoded = encodeSegmentHeader(header);
  const file = files.open(path, 'create');
  try {
    file.write(encoded, 0, encoded.length, 0);
  } catch (error) {
    file.close();
    removeQuietly(files, path);
    throw error;
  }
  return { file, bytes: encoded.length };
}

/** The write's own error is the one to tell; a segment with half a header is a torn tail that recovery removes. */
function removeQuietly(files: FileSystem, path: string): void {
  try {
    files.unlink(path);
  } catch {}
}

/** Content first, then the name: a name that survives a power cut should have something behind it. */
function makeDurable(files: FileSystem, directory: string, file: File): void {
  try {
    file.fsync();
    files.syncDirectory(directory);
  } catch (error) {
    file.close();
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Of a file that is synced: what closing it says changes nothing, and must not seem to be about its successor. */
function letGo(file: File): void {
  try {
    file.close();
  } catch {}
}
