import { join } from 'node:path';
import { LeaseStoreError } from '../../errors.js';
import type { FileSystem } from '../../io/file-system.js';
import { FrameBuilder } from '../../wal/frame-builder.js';
import { scanWal } from '../../wal/reader.js';
import type { LogOwner } from '../../wal/segment.js';
import { WalWriter } from '../../wal/writer.js';
import { FrameFiller } from '../indexed/frames.js';
import { randomSalt } from '../indexed/group-log.js';
import { LeaseIndex, type LeaseView } from '../indexed/lease-index.js';
import { IndexReplay } from '../indexed/replay.js';

/*
 * A snapshot is a log of its own, in a directory named for the LSN of the main log that it stands for: every lease as a
 * grant, and last a token ceiling, which shows that it is whole. It gets its name when all of it is on the disk.
 */

const NAME = /^snapshot-(\d{16})$/;
const TEMPORARY = 'snapshot.tmp';
/** Two, so that damage to one costs a longer replay and nothing else. */
const KEPT = 2;
/** Leases between two turns of the event loop: a few milliseconds of work. */
const SLICE = 1024;
/** Tells a snapshot's log from the main one (which is 0). */
const SNAPSHOT_SHARD = 1;

export interface SnapshotContent {
  /** The main log up to here is in it. */
  readonly lsn: number;
  readonly tokenCeiling: number;
  readonly storeMs: number;
  readonly leases: LeaseView;
}

export interface LoadedSnapshot {
  readonly lsn: number;
  readonly index: LeaseIndex;
  readonly tokenFloor: number;
  readonly storeMs: number;
}

/** Writes a snapshot and removes those that are no longer needed. Answers its bytes. */
export async function writeSnapshot(
  files: FileSystem,
  directory: string,
  storeId: Uint8Array,
  content: SnapshotContent,
  onSlice: (leasesDone: number) => void = () => {},
): Promise<number> {
  const temporary = join(directory, TEMPORARY);
  files.removeTree(temporary);
  files.makeDirectory(temporary);
  const start = { segmentId: 1, epoch: 1, lastLsn: 0, storeMs: content.storeMs, salt: randomSalt() };
  const wal = WalWriter.create(files, temporary, { ...ownerOf(storeId), ...start });
  try {
    await writeLeases(wal, content, onSlice);
    wal.sync();
  } finally {
    wal.close();
  }
  const bytes = wal.bytes;
  const path = join(directory, `snapshot-${String(content.lsn).padStart(16, '0')}`);
  // Nothing was logged since: the old one is as good, or damaged.
  files.removeTree(path);
  files.rename(temporary, path);
  files.syncDirectory(directory);
  for (const { path } of list(files, directory).slice(KEPT)) files.removeTree(path);
  return bytes;
}

/** The newest snapshot that is whole, or undefined. A damaged one is passed over: the log has all that it held. */
export function loadSnapshot(
  files: FileSystem,
  directory: string,
  storeId: Uint8Array,
  nowMs: number,
): LoadedSnapshot | undefined {
  for (const { lsn, path } of list(files, directory)) {
    // A link to a directory is none, wherever it leads.
    if (files.stat(path)?.kind !== 'directory') continue;
    const index = new LeaseIndex(nowMs);
    const replay = new IndexReplay(index, 0, false);
    try {
      const scan = scanWal(files, path, { ...ownerOf(storeId), fromLsn: 0, visitor: replay });
      if (scan.torn !== undefined || scan.lastLsn === 0 || replay.ceilingLsn !== scan.lastLsn) continue;
      return { lsn, index, tokenFloor: replay.tokenFloor, storeMs: scan.lastStoreMs };
    } catch (error) {
      if (!(error instanceof LeaseStoreError) || error.code !== 'ERR_HOLDFAST_CORRUPT') throw error;
    }
  }
  return undefined;
}

async function writeLeases(
  wal: WalWriter,
  { leases, tokenCeiling, storeMs }: SnapshotContent,
  onSlice: (leasesDone: number) => void,
): Promise<void> {
  const frame = new FrameBuilder();
  const filler = new FrameFiller();
  const begin = (): void => frame.begin(wal.lastLsn + 1, storeMs, wal.durableLsn);
  const append = (): void => {
    wal.append(frame.finish(wal), frame.count);
    begin();
  };
  begin();
  for (const [key, record] of leases.leases.entries()) {
    filler.grant(frame, key, record);
    if (frame.count < SLICE) continue;
    append();
    onSlice(wal.lastLsn);
    await new Promise((resolve) => setImmediate(resolve));
  }
  frame.ceiling(tokenCeiling);
  append();
}

/** Newest first. */
function list(files: FileSystem, directory: string): { readonly lsn: number; readonly path: string }[] {
  return files
    .list(directory)
    .flatMap((name) => {
      const lsn = NAME.exec(name)?.[1];
      return lsn === undefined ? [] : [{ lsn: Number(lsn), path: join(directory, name) }];
    })
    .sort((a, b) => b.lsn - a.lsn);
}

function ownerOf(storeId: Uint8Array): LogOwner {
  return { storeId, shard: SNAPSHOT_SHARD };
}
