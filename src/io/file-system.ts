/**
 * The one seam to the file system. Everything that a store keeps on disk goes through this interface, so that a test
 * can stand in for the disk and try every crash and fault.
 *
 * All calls are synchronous: a shard's thread sleeps in `Atomics.wait` and never turns its event loop. Every call that
 * fails throws a `LeaseStoreError` made by `ioError` (`ERR_HOLDFAST_DISK_FULL` or `ERR_HOLDFAST_IO`), with the system's
 * error as its cause.
 *
 * Nothing written, created, renamed or removed is promised to survive a power cut before the sync that covers it:
 * `File.fdatasync` for bytes and length, `FileSystem.syncDirectory` for names.
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): File;
  /** The whole content of a file. */
  readFile(path: string): Uint8Array;
  /** What the path names, links not followed; undefined when it names nothing. */
  stat(path: string): FileStat | undefined;
  /** Names in the directory, sorted by code unit, so that every run sees one order. */
  list(directory: string): string[];
  /** Makes one directory (0700, under any umask); false when it was there already. */
  makeDirectory(path: string): boolean;
  /** Atomically gives the file or directory another name in the same directory, replacing a file of that name. */
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Removes a directory and all below it, or a file; nothing there is fine. */
  removeTree(path: string): void;
  /** Makes the names in the directory durable: files created, renamed and removed in it. */
  syncDirectory(directory: string): void;
}

/**
 * - `read`: an existing file, for reading.
 * - `write`: an existing file, for reading and writing.
 * - `create`: a new file (0600, under any umask), for reading and writing; fails if the name is taken.
 *
 * A symbolic link or anything else but a regular file is refused.
 */
export type OpenMode = 'read' | 'write' | 'create';

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other';
  /** Length of a file. */
  readonly bytes: number;
}

export interface File {
  readonly path: string;
  /**
   * Writes `bytes[from, to)` at `position`, all of it or it throws. After a throw any prefix may be in the file: the
   * error's message says how much, and the caller cuts the file back.
   */
  write(bytes: Uint8Array, from: number, to: number, position: number): void;
  /** Reads into `into[from, from + length)`; fewer bytes than `length` only at the end of the file. */
  read(into: Uint8Array, from: number, length: number, position: number): number;
  /** Cuts the file, or lengthens it with zeros. */
  truncate(length: number): void;
  /** Makes bytes and length durable. After a throw the state of every unsynced byte is unknown for good. */
  fdatasync(): void;
  /** As `fdatasync`, with the file's times and mode too. */
  fsync(): void;
  /** Length in bytes. */
  size(): number;
  /** Idempotent. Promises nothing about durability. */
  close(): void;
}
