import { randomBytes } from 'node:crypto';
import { ensureDirectory } from '../io/ensure-directory.js';
import type { FileSystem } from '../io/file-system.js';
import type { Commit } from '../memory/control.js';
import type { Slabs } from '../memory/slabs.js';
import { FIRST_SEGMENT_ID, type LogOwner } from '../wal/segment.js';
import { WalWriter } from '../wal/writer.js';
import { writeCheckpoint } from './save.js';

/** Writes the files of a shard that begins with these leases: a checkpoint, and a log that goes on from there. */
export function writeNewShard(
  files: FileSystem,
  directory: string,
  owner: LogOwner,
  slabs: Slabs,
  commit: Commit,
): void {
  ensureDirectory(files, directory);
  writeCheckpoint(files, directory, owner, slabs, commit, () => {});
  startLog(files, directory, owner, commit.lsn, commit.storeMs);
}

/** An empty log that goes on from `lsn`, durable when this returns: a shard without one has lost it. */
export function startLog(files: FileSystem, directory: string, owner: LogOwner, lsn: number, storeMs: number): void {
  const salt = randomBytes(4).readUInt32LE();
  WalWriter.create(files, directory, {
    ...owner,
    segmentId: FIRST_SEGMENT_ID,
    epoch: 1,
    lastLsn: lsn,
    storeMs,
    salt,
  }).close();
}
