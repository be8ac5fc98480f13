import { join } from 'node:path';
import { LeaseStoreError } from '../errors.js';
import { ensureDirectory } from './ensure-directory.js';
import type { FileSystem } from './file-system.js';

/** Lies in a directory for as long as it is being filled: what a killed process leaves tells what it is. */
const MARKER = 'incomplete';

/**
 * Fills a directory that is not there or empty. If `fill` throws, all that it made goes again, and so does the directory
 * if it was not there before.
 *
 * Throws `ERR_HOLDFAST_INVALID_ARGUMENT` when the directory holds anything, and whatever `fill` throws.
 */
export async function fillNewDirectory<T>(
  files: FileSystem,
  directory: string,
  fill: () => T | Promise<T>,
): Promise<T> {
  const isNew = files.stat(directory) === undefined;
  expectEmpty(files, directory);
  ensureDirectory(files, directory);
  // Fails if somebody else has begun to fill it since.
  const marker = join(directory, MARKER);
  files.open(marker, 'create').close();
  try {
    const filled = await fill();
    files.unlink(marker);
    files.syncDirectory(directory);
    return filled;
  } catch (error) {
    removeMade(files, directory, isNew);
    throw error;
  }
}

/** The marker goes last: should this be cut off, it still tells what is left. */
function removeMade(files: FileSystem, directory: string, isNew: boolean): void {
  try {
    const names = contents(files, directory).filter((name) => name !== MARKER);
    for (const name of [...names, MARKER]) files.removeTree(join(directory, name));
    if (isNew) files.removeTree(directory);
  } catch {
    // Why filling failed is what the caller must hear; the marker tells the rest.
  }
}

function expectEmpty(files: FileSystem, directory: string): void {
  const kind = files.stat(directory)?.kind;
  if (kind === undefined) return;
  const found = kind === 'directory' ? contents(files, directory) : ['no directory but a file'];
  if (found.length === 0) return;
  const what = found.includes(MARKER) ? 'what an interrupted copy left; remove it first' : found[0];
  throw new LeaseStoreError(
    'ERR_HOLDFAST_INVALID_ARGUMENT',
    `directory must not be there, or be empty, for nothing is ever overwritten; ${directory} holds ${what}`,
  );
}

/** `lost+found` is in the root of every ext4 volume. */
function contents(files: FileSystem, directory: string): string[] {
  return files.list(directory).filter((name) => name !== 'lost+found');
}
