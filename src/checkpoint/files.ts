import { join } from 'node:path';
import { assert } from '../assert.js';
import type { FileSystem } from '../io/file-system.js';

/** A checkpoint's file, as its name tells. */
export interface CheckpointFile {
  readonly path: string;
  /** LSN of the last record that it holds. */
  readonly cutLsn: number;
}

/** Enough for every safe integer. */
const LSN_DIGITS = 16;
const NAME = new RegExp(`^checkpoint-(\\d{${LSN_DIGITS}})\\.ckpt$`);
const TEMPORARY = '.tmp';
const TEMPORARY_NAME = new RegExp(`^checkpoint-\\d{${LSN_DIGITS}}\\.ckpt\\${TEMPORARY}$`);

export function checkpointPath(directory: string, cutLsn: number): string {
  return join(directory, `checkpoint-${String(cutLsn).padStart(LSN_DIGITS, '0')}.ckpt`);
}

/** Where a checkpoint is written before it is whole. */
export function temporaryPath(directory: string, cutLsn: number): string {
  return checkpointPath(directory, cutLsn) + TEMPORARY;
}

/** The published checkpoints in a directory, newest first. */
export function listCheckpoints(files: FileSystem, directory: string): CheckpointFile[] {
  const checkpoints: CheckpointFile[] = [];
  for (const name of files.list(directory)) {
    const digits = NAME.exec(name)?.[1];
    if (digits !== undefined) checkpoints.push({ path: join(directory, name), cutLsn: Number(digits) });
  }
  return checkpoints.sort((a, b) => b.cutLsn - a.cutLsn);
}

/** Removes what an interrupted checkpoint left behind. Only while no checkpoint is being written. Answers how many. */
export function removeTemporaries(files: FileSystem, directory: string): number {
  const names = files.list(directory).filter((name) => TEMPORARY_NAME.test(name));
  for (const name of names) files.unlink(join(directory, name));
  return names.length;
}

/** Removes all checkpoints but the `count` newest; answers those kept, newest first. */
export function keepNewest(files: FileSystem, directory: string, count: number): CheckpointFile[] {
  assert(count >= 1, 'the only checkpoint must not go');
  const checkpoints = listCheckpoints(files, directory);
  const old = checkpoints.splice(count);
  for (const checkpoint of old) files.unlink(checkpoint.path);
  if (old.length > 0) files.syncDirectory(directory);
  return checkpoints;
}
