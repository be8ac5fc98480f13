import { constants } from 'node:os';
import { LeaseStoreError } from '../errors.js';

/** Node knows no name for some numbers (EDQUOT, ESTALE come as 'UNKNOWN'): the platform's own table has them. */
const NAME_OF_ERRNO = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** The file may not grow: no blocks, no quota, or a limit on its size. Nothing is damaged, and room may come back. */
const DISK_FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space on this file system; writes resume by themselves',
  EDQUOT: "free some space or raise this user's quota; writes resume by themselves",
  EFBIG: 'raise the limit on file size (ulimit -f) or move the store to a file system without one',
  EMFILE: 'raise the limit on open files (ulimit -n)',
  ENFILE: "raise the system's limit on open files",
  EACCES: 'check that this user owns the store and its files',
  EPERM: 'check that this user owns the store and its files',
  EROFS: 'mount the file system for writing, or move the store',
  ENOENT: 'check the path, and that nothing else removes files of the store',
  ENOTDIR: 'check the path: something on it is a file',
  EEXIST: 'check that nothing else writes into the directory of the store',
  ELOOP: 'a store follows no symbolic links: put the file itself there',
  EIO: 'check the disk and the system log before you open the store again',
  ESTALE: 'the remote file system lost the file; keep stores on a local disk',
};

/** The name of a system error, e.g. 'ENOSPC'; undefined when `error` is something else. */
export function errnoName(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { errno, code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && code !== 'UNKNOWN') return code;
  return typeof errno === 'number' ? NAME_OF_ERRNO.get(Math.abs(errno)) : undefined;
}

/** Whether the error, or what caused it, says that there is no room to write (ENOSPC, EDQUOT, EFBIG). */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof LeaseStoreError) return error.code === 'ERR_HOLDFAST_DISK_FULL';
  const name = errnoName(error);
  return name !== undefined && DISK_FULL.has(name);
}

const NO_DESCRIPTORS = new Set(['EMFILE', 'ENFILE']);

/** Whether a file could not be opened because too many are: nothing was tried, and it may be again. */
export function isOutOfDescriptors(error: unknown): boolean {
  const name = errnoName(error instanceof LeaseStoreError ? error.cause : error);
  return name !== undefined && NO_DESCRIPTORS.has(name);
}

/** A write of which only a part went into the file. Always the cause of a `LeaseStoreError`. */
export class ShortWriteError extends Error {
  override readonly name = 'ShortWriteError';
  readonly bytesWritten: number;
  readonly bytesWanted: number;
  /** What stopped it, as named by the system. */
  readonly code: string;

  constructor(bytesWritten: number, bytesWanted: number, code: string) {
    super(`${code} after ${bytesWritten} of ${bytesWanted} bytes`);
    this.bytesWritten = bytesWritten;
    this.bytesWanted = bytesWanted;
    this.code = code;
  }
}

/**
 * The typed error for a failed file system call: `ERR_HOLDFAST_DISK_FULL` (retryable) when there was no room, else
 * `ERR_HOLDFAST_IO`. The message says what was tried, on which path, what the system answered and what to do.
 */
export function ioError(operation: string, path: string, cause: unknown): LeaseStoreError {
  const name = errnoName(cause);
  const answer = cause instanceof ShortWriteError ? cause.message : (name ?? String(cause));
  const remedy = (name !== undefined && REMEDIES[name]) || 'check the disk and the system log';
  const full = isDiskFull(cause);
  return new LeaseStoreError(
    full ? 'ERR_HOLDFAST_DISK_FULL' : 'ERR_HOLDFAST_IO',
    `${operation} ${path} failed: ${answer}; ${remedy}`,
    { retryable: full, cause },
  );
}
