import * as fs from 'node:fs';
import type { File, FileStat, FileSystem, OpenMode } from './file-system.js';
import { errnoName, ioError, ShortWriteError } from './io-error.js';

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = fs.constants;

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** O_NONBLOCK: a pipe planted under a file's name must be refused by `checkRegular`, not waited for. */
const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  write: O_RDWR | O_NOFOLLOW | O_NONBLOCK,
  create: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK,
};

/** The machine's file system. Holds no state: each thread makes its own, and descriptors die with their thread. */
export function nodeFileSystem(): FileSystem {
  return new NodeFileSystem();
}

class NodeFileSystem implements FileSystem {
  open(path: string, mode: OpenMode): File {
    const fd = attempt('open', path, () => fs.openSync(path, OPEN_FLAGS[mode], FILE_MODE));
    try {
      checkRegular(fd, path);
      // The mode given to open(2) is masked by the umask; the store's files are 0600 whatever that is.
      if (mode === 'create') attempt('chmod', path, () => fs.fchmodSync(fd, FILE_MODE));
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    return new NodeFile(path, fd);
  }

  readFile(path: string): Uint8Array {
    const file = this.open(path, 'read');
    try {
      const bytes = new Uint8Array(file.size());
      return bytes.subarray(0, file.read(bytes, 0, bytes.length, 0));
    } finally {
      file.close();
    }
  }

  stat(path: string): FileStat | undefined {
    let stats: fs.Stats | undefined;
    try {
      stats = fs.lstatSync(path, { throwIfNoEntry: false });
    } catch (error) {
      throw ioError('stat', path, error);
    }
    if (stats === undefined) return undefined;
    return { kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other', bytes: stats.size };
  }

  list(directory: string): string[] {
    return attempt('list', directory, () => fs.readdirSync(directory)).sort();
  }

  makeDirectory(path: string): boolean {
    try {
      fs.mkdirSync(path, DIRECTORY_MODE);
    } catch (error) {
      if (errnoName(error) === 'EEXIST' && fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return false;
      throw ioError('mkdir', path, error);
    }
    attempt('chmod', path, () => fs.chmodSync(path, DIRECTORY_MODE));
    return true;
  }

  rename(from: string, to: string): void {
    attempt('rename', `${from} to ${to}`, () => fs.renameSync(from, to));
  }

  unlink(path: string): void {
    attempt('unlink', path, () => fs.unlinkSync(path));
  }

  removeTree(path: string): void {
    attempt('remove', path, () => fs.rmSync(path, { recursive: true, force: true }));
  }

  syncDirectory(directory: string): void {
    const fd = attempt('open', directory, () => fs.openSync(directory, O_RDONLY | O_DIRECTORY));
    try {
      attempt('sync directory', directory, () => fs.fsyncSync(fd));
    } finally {
      fs.closeSync(fd);
    }
  }
}

class NodeFile implements File {
  readonly path: string;
  #fd: number;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  write(bytes: Uint8Array, from: number, to: number, position: number): void {
    const wanted = to - from;
    let written = 0;
    while (written < wanted) {
      let count: number;
      try {
        count = fs.writeSync(this.#fd, bytes, from + written, wanted - written, position + written);
      } catch (error) {
        throw ioError('write to', this.path, written === 0 ? error : shortWrite(written, wanted, error));
      }
      // A disk that fills answers with a short count and no reason. Going on with the rest is what asks for one.
      if (count === 0) throw ioError('write to', this.path, new ShortWriteError(written, wanted, 'ENOSPC'));
      written += count;
    }
  }

  read(into: Uint8Array, from: number, length: number, position: number): number {
    let total = 0;
    while (total < length) {
      let count: number;
      try {
        count = fs.readSync(this.#fd, into, from + total, length - total, position + total);
      } catch (error) {
        throw ioError('read', this.path, error);
      }
      if (count === 0) break;
      total += count;
    }
    return total;
  }

  truncate(length: number): void {
    attempt('truncate', this.path, () => fs.ftruncateSync(this.#fd, length));
  }

  fdatasync(): void {
    attempt('fdatasync', this.path, () => fs.fdatasyncSync(this.#fd));
  }

  fsync(): void {
    attempt('fsync', this.path, () => fs.fsyncSync(this.#fd));
  }

  size(): number {
    return attempt('stat', this.path, () => fs.fstatSync(this.#fd)).size;
  }

  close(): void {
    const fd = this.#fd;
    if (fd === -1) return;
    // First: the number must never be used again, whatever close answers, for another file may get it.
    this.#fd = -1;
    attempt('close', this.path, () => fs.closeSync(fd));
  }
}

function checkRegular(fd: number, path: string): void {
  const stats = attempt('stat', path, () => fs.fstatSync(fd));
  if (!stats.isFile()) throw ioError('open', path, new Error('it is not a regular file'));
}

function shortWrite(written: number, wanted: number, cause: unknown): ShortWriteError {
  return new ShortWriteError(written, wanted, errnoName(cause) ?? String(cause));
}

function attempt<T>(operation: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw ioError(operation, path, error);
  }
}
