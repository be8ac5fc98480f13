import { readFileSync, writeFileSync } from 'node:fs';
import type { FileSystem } from '../../src/io/file-system.js';
import { FrameBuilder } from '../../src/wal/frame-builder.js';
import { scanWal, type WalScan, type WalScanOptions } from '../../src/wal/reader.js';
import { listSegments } from '../../src/wal/segment.js';
import { WalWriter } from '../../src/wal/writer.js';
import { addRecord, Collector, type LogRecord, smallRecord } from './log-records.js';

export const OWNER = { storeId: Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i), shard: 3 };

/** Where a frame went, and what was known when it was written. */
export interface WrittenFrame {
  readonly segmentId: number;
  readonly from: number;
  readonly to: number;
  readonly firstLsn: number;
  readonly count: number;
  readonly durableLsn: number;
}

export interface Replay {
  readonly scan: WalScan;
  readonly heard: Collector;
}

/** Scans a log of the fixture's owner and says what was heard. */
export function replayLog(files: FileSystem, directory: string, fromLsn: number): Replay {
  const heard = new Collector();
  return { scan: scanWal(files, directory, { ...OWNER, fromLsn, visitor: heard }), heard };
}

/** A log made by the real writer, which remembers what it holds. */
export class LogFixture {
  readonly files: FileSystem;
  readonly directory: string;
  readonly frames: WrittenFrame[] = [];
  readonly records: LogRecord[] = [];
  readonly builder = new FrameBuilder();
  writer: WalWriter;
  storeMs = 1_000_000;

  constructor(files: FileSystem, directory: string, { segmentId = 1, epoch = 1, lastLsn = 0 } = {}) {
    this.files = files;
    this.directory = directory;
    this.writer = this.#open(segmentId, epoch, lastLsn);
  }

  /** Starts the next segment as a store does that was opened again. */
  reopen(): void {
    const { segmentId, epoch, lastLsn } = this.writer;
    this.writer.close();
    this.writer = this.#open(segmentId + 1, epoch + 1, lastLsn);
  }

  #open(segmentId: number, epoch: number, lastLsn: number): WalWriter {
    const start = { ...OWNER, segmentId, epoch, lastLsn, storeMs: this.storeMs, salt: saltOf(segmentId) };
    return WalWriter.create(this.files, this.directory, start);
  }

  roll(): void {
    this.writer.roll(this.storeMs, saltOf(this.writer.segmentId + 1));
  }

  /** Appends a frame of so many small records; 0 for a durable mark. */
  append(count: number): void {
    this.appendRecords(Array.from({ length: count }, (_, i) => smallRecord(this.writer.lastLsn + i)));
  }

  appendRecords(records: readonly LogRecord[]): void {
    const { writer, builder } = this;
    const { durableLsn, segmentId, bytes: from } = writer;
    const firstLsn = writer.lastLsn + 1;
    builder.begin(firstLsn, ++this.storeMs, durableLsn);
    for (const record of records) addRecord(builder, record);
    const to = writer.append(builder.finish(writer), records.length);
    this.frames.push({ segmentId, from, to, firstLsn, count: records.length, durableLsn });
    this.records.push(...records);
  }

  sync(): void {
    this.writer.sync();
  }

  scan(options: Partial<WalScanOptions> = {}): WalScan {
    return scanWal(this.files, this.directory, { ...OWNER, fromLsn: 0, ...options });
  }

  replay(fromLsn = 0): Replay {
    return replayLog(this.files, this.directory, fromLsn);
  }

  /** Paths of the segments, oldest first. */
  get paths(): string[] {
    return listSegments(this.files, this.directory).map((segment) => segment.path);
  }
}

function saltOf(segmentId: number): number {
  return Math.imul(segmentId, 0x9e3779b1) >>> 0;
}

/** Runs `look` with the file's content changed, and puts the content back. */
export function withContent<T>(path: string, change: (content: Buffer) => Uint8Array, look: () => T): T {
  const content = readFileSync(path);
  writeFileSync(path, change(Buffer.from(content)));
  try {
    return look();
  } finally {
    writeFileSync(path, content);
  }
}
