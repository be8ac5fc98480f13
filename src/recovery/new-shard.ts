import { randomBytes } from 'node:crypto';
import { assert } from '../assert.js';
import { LeaseStoreError } from '../errors.js';
import { ensureDirectory } from '../io/ensure-directory.js';
import type { FileSystem } from '../io/file-system.js';
import type { Commit } from '../memory/control.js';
import type { Slabs } from '../memory/slabs.js';
import { FrameBuilder } from '../wal/frame-builder.js';
import { FIRST_SEGMENT_ID, type LogOwner } from '../wal/segment.js';
import { WalWriter } from '../wal/writer.js';
import { NOTHING_BESIDE, writeCheckpoint } from './save.js';

/** Writes the files of a shard that begins with these leases: a checkpoint, and a log that goes on from there. */
export function writeNewShard(
  files: FileSystem,
  directory: string,
  owner: LogOwner,
  slabs: Slabs,
  commit: Commit,
): void {
  assert(commit.lsn > 0, 'behind LSN 0, a log would not miss its checkpoint');
  ensureDirectory(files, directory);
  writeCheckpoint(files, directory, owner, slabs, commit, NOTHING_BESIDE);
  startLog(files, directory, owner, commit.lsn, commit.storeMs);
}

/**
 * A log that goes on from `lsn`, durable when this returns: a shard without one has lost it. No token up to `tokenFloor`
 * will be handed out; without one, what the checkpoint says counts.
 */
export function startLog(
  files: FileSystem,
  directory: string,
  owner: LogOwner,
  lsn: number,
  storeMs: number,
  tokenFloor?: number,
): void {
  const salt = randomBytes(4).readUInt32LE();
  const start = { ...owner, segmentId: FIRST_SEGMENT_ID, epoch: 1, lastLsn: lsn, storeMs, salt };
  const wal = WalWriter.create(files, directory, start);
  try {
    if (tokenFloor === undefined) return;
    const frame = new FrameBuilder();
    frame.begin(lsn + 1, storeMs, wal.durableLsn);
    frame.ceiling(tokenFloor);
    wal.append(frame.finish(wal), frame.count);
    wal.sync();
  } finally {
    wal.close();
  }
}

/**
 * How far beyond all that is known the tokens of a copy begin, in microseconds, the unit of tokens: an hour. Tokens
 * follow the clock, so whatever the original handed out that the copy does not know of lies below the clock's present
 * reading, but for three reasons to be ahead of it, which this is to outdo: each opening after a crash goes ahead by ten
 * seconds, more than a million grants a second overtake the clock, and the clocks of two machines differ.
 */
const TOKENS_UNSEEN = 3_600_000_000;

/** A floor for a copy of a store of which `highest` is the highest token or ceiling known. Assumes a clock that was not set back. */
export function tokenFloorOfCopy(highest: number, wallMs: number): number {
  return Math.max(highest, Math.floor(wallMs * 1000)) + TOKENS_UNSEEN;
}

/** Every shard has a log from before there was a manifest: one without (epoch 0) has lost it, with all that it held. */
export function expectLog(directory: string, shard: number, epoch: number): void {
  if (epoch > 0) return;
  throw new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `the log of shard ${shard} of the store in ${directory} is missing; nothing was changed: restore a backup, or take what is left with "holdfast salvage"`,
  );
}
