import { createHash } from 'node:crypto';
import { constants } from 'node:os';
import { basename, dirname, posix } from 'node:path';
import { assert } from '../../src/assert.js';
import type { File, FileStat, FileSystem, OpenMode } from '../../src/io/file-system.js';
import { ioError, ShortWriteError } from '../../src/io/io-error.js';
import { mixedFates, systematicFates } from './crash-fates.js';
import { type AnyChange, type Decide, DirectoryInode, FileInode, type Inode } from './fault-disk.js';
import { Random } from './tree-random.js';

/** What every call throws from the moment of the crash on. Nothing that holdfast does may catch it for good. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

export type Operation =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  | 'fdatasync'
  | 'fsync'
  | 'stat'
  | 'list'
  | 'mkdir'
  | 'rename'
  | 'unlink'
  | 'syncDirectory';

export interface Fault {
  /** What the system answers: 'EIO', 'ENOSPC', 'EDQUOT', 'EMFILE', … */
  readonly code: keyof typeof constants.errno;
  /** Without it, every operation counts. */
  readonly operation?: Operation;
  /** Counts only calls on paths that match. */
  readonly path?: RegExp;
  /** Fails the nth such call from now on, from 1 (default 1), */
  readonly nth?: number;
  /** and this many in all (default 1). */
  readonly times?: number;
  /** Of a failing write this many bytes get into the file (default 0). */
  readonly bytesWritten?: number;
}

const NOT_REGULAR = 'it is not a regular file';
/** Give up on finding another image after so many in a row that were there before. */
const REPEATS_MAX = 200;

/**
 * A file system in memory that can fail, crash, and show what a disk may hold after the crash. Deterministic: a history
 * of calls and a seed always give the same images.
 *
 * What it promises is no more than POSIX does, and less than most file systems: a change of a file's bytes or length
 * survives a crash for certain only after a sync of that file, a change of a name only after a sync of its directory
 * (so that a synced file may have lost its name); until then each change is kept or dropped by itself, whatever was
 * made before or after it, and a write may be torn anywhere. A rename is all or nothing. Changes of which a sync failed
 * are never settled by a later one. Changes that were kept take effect in the order in which they were made.
 */
export class FaultFileSystem implements FileSystem {
  /** Bytes that fit in all files together; writes past it are cut short, as on a full disk. May be changed at any time. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** Called before each step takes effect: a crash then would leave what is there now. */
  beforeStep: (() => void) | undefined;
  /** Calls that failed because they were told to. */
  failures = 0;
  /** Files open now. */
  openFiles = 0;
  readonly #root: DirectoryInode;
  #order = 0;
  #steps = 0;
  #crashStep = Number.POSITIVE_INFINITY;
  #crashed = false;
  #faults: { readonly fault: Fault; seen: number }[] = [];

  constructor(root: DirectoryInode = new DirectoryInode()) {
    this.#root = root;
  }

  /** Calls so far that changed or synced something. */
  get steps(): number {
    return this.#steps;
  }

  /** Crashes in place of step number `step` (from 1): it and every later call throws `CrashError` and does nothing. */
  crashAt(step: number): void {
    this.#crashStep = step;
  }

  /** Crashes now. */
  crash(): void {
    this.#crashed = true;
  }

  /** Answers what takes the fault back. */
  inject(fault: Fault): () => void {
    const state = { fault, seen: 0 };
    this.#faults.push(state);
    return () => {
      this.#faults = this.#faults.filter((other) => other !== state);
    };
  }

  clearFaults(): void {
    this.#faults = [];
  }

  /** What a new process finds when the old one was killed but the machine stayed up: all is there, nothing is settled. */
  afterKill(): FaultFileSystem {
    const copy = new FaultFileSystem(this.#root.clone(new Map()));
    copy.#order = this.#order;
    copy.capacityBytes = this.capacityBytes;
    return copy;
  }

  /**
   * At most `limit` different disks that a power cut at this moment may leave, all kept and nothing kept among the
   * first. Fewer than `limit` mean that no others could be found.
   */
  *images(seed: number, limit: number): Generator<FaultFileSystem> {
    const undecided = this.#undecided();
    if (undecided.length === 0) return yield* this.#unseen(() => 'kept', new Set());
    const random = new Random(seed);
    const seen = new Set<string>();
    for (const decide of systematicFates(undecided, random, limit)) {
      if (seen.size >= limit) return;
      yield* this.#unseen(decide, seen);
    }
    let repeats = 0;
    for (const decide of mixedFates(undecided, random)) {
      if (seen.size >= limit || repeats > REPEATS_MAX) return;
      const before = seen.size;
      yield* this.#unseen(decide, seen);
      repeats = seen.size === before ? repeats + 1 : 0;
    }
  }

  *#unseen(decide: Decide, seen: Set<string>): Generator<FaultFileSystem> {
    const image = new FaultFileSystem(this.#root.afterCrash(decide, new Map()));
    image.capacityBytes = this.capacityBytes;
    const digest = image.digest();
    if (seen.has(digest)) return;
    seen.add(digest);
    yield image;
  }

  /** Of all names and bytes, as a process sees them now. */
  digest(): string {
    const hash = createHash('sha256');
    const add = (path: string, inode: Inode): void => {
      const length = inode.kind === 'file' ? inode.bytes.length : -1;
      hash.update(`${JSON.stringify(path)} ${length}\n`);
      if (inode.kind === 'file') hash.update(inode.bytes);
      else for (const name of [...inode.entries.keys()].sort()) add(`${path}/${name}`, inode.entries.get(name)!);
    };
    add('', this.#root);
    return hash.digest('hex');
  }

  open(path: string, mode: OpenMode): File {
    this.#begin('open', path);
    const directory = this.#parent('open', path);
    const name = basename(path);
    let inode = directory.entries.get(name);
    if (mode === 'create') {
      if (inode !== undefined) throw systemError('open', path, 'EEXIST');
      this.#step();
      inode = new FileInode(new Uint8Array());
      directory.link(this.#order++, name, inode);
    }
    if (inode === undefined) throw systemError('open', path, 'ENOENT');
    if (inode.kind !== 'file') {
      throw mode === 'write' ? systemError('open', path, 'EISDIR') : ioError('open', path, new Error(NOT_REGULAR));
    }
    this.openFiles++;
    return this.#handle(path, inode, mode !== 'read');
  }

  readFile(path: string): Uint8Array {
    const file = this.open(path, 'read');
    try {
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0, bytes.length, 0);
      return bytes;
    } finally {
      file.close();
    }
  }

  stat(path: string): FileStat | undefined {
    this.#begin('stat', path);
    const inode = this.#find('stat', path);
    if (inode === undefined) return undefined;
    return inode.kind === 'file' ? { kind: 'file', bytes: inode.bytes.length } : { kind: 'directory', bytes: 0 };
  }

  list(directory: string): string[] {
    this.#begin('list', directory);
    return [...this.#directory('list', directory).entries.keys()].sort();
  }

  makeDirectory(path: string): boolean {
    this.#begin('mkdir', path);
    const inode = this.#find('mkdir', path);
    if (inode?.kind === 'directory') return false;
    if (inode !== undefined) throw systemError('mkdir', path, 'EEXIST');
    const parent = this.#parent('mkdir', path);
    this.#step();
    parent.link(this.#order++, basename(path), new DirectoryInode());
    return true;
  }

  rename(from: string, to: string): void {
    assert(dirname(from) === dirname(to), 'rename is within one directory');
    this.#begin('rename', from);
    const directory = this.#parent('rename', from);
    const moved = directory.entries.get(basename(from));
    if (moved === undefined) throw systemError('rename', from, 'ENOENT');
    const replaced = directory.entries.get(basename(to));
    if (replaced !== undefined && replaced !== moved) checkReplaceable(moved, replaced, to);
    this.#step();
    if (replaced !== moved) directory.rename(this.#order++, basename(from), basename(to));
  }

  unlink(path: string): void {
    this.#begin('unlink', path);
    const inode = this.#find('unlink', path);
    if (inode === undefined) throw systemError('unlink', path, 'ENOENT');
    if (inode.kind === 'directory') throw systemError('unlink', path, 'EISDIR');
    this.#step();
    this.#parent('unlink', path).unlink(this.#order++, basename(path));
  }

  removeTree(path: string): void {
    this.#begin('unlink', path);
    const inode = this.#find('unlink', path);
    if (inode === undefined) return;
    if (inode.kind === 'directory') for (const name of [...inode.entries.keys()]) this.removeTree(`${path}/${name}`);
    this.#step();
    this.#parent('unlink', path).unlink(this.#order++, basename(path));
  }

  syncDirectory(directory: string): void {
    const find = (): DirectoryInode => this.#directory('syncDirectory', directory);
    this.#begin('syncDirectory', directory, () => find().failSync());
    const inode = find();
    this.#step();
    inode.sync();
  }

  #handle(path: string, inode: FileInode, writable: boolean): File {
    let open = true;
    /** Every call on a file: counts, fails and crashes as told, and does not outlive `close`. */
    const begin = (operation: Operation, onFault?: (fault: Fault) => void): void => {
      this.#begin(operation, path, onFault);
      if (!open || (!writable && operation === 'write')) throw systemError(operation, path, 'EBADF');
      if (!writable && operation === 'truncate') throw systemError(operation, path, 'EINVAL');
    };
    const sync = (operation: 'fdatasync' | 'fsync'): void => {
      begin(operation, () => inode.failSync());
      this.#step();
      inode.sync();
    };
    return {
      path,
      write: (bytes, from, to, position) => {
        const put = (count: number): void => {
          if (count > 0) inode.write(this.#order++, position, bytes.subarray(from, from + count));
        };
        begin('write', (fault) => {
          if (fault.bytesWritten === undefined) return;
          const written = Math.min(fault.bytesWritten, to - from);
          this.#step();
          put(written);
          throw ioError('write to', path, new ShortWriteError(written, to - from, fault.code));
        });
        this.#step();
        const room = this.#roomFor(inode, position);
        put(Math.min(room, to - from));
        if (room < to - from) throw ioError('write to', path, new ShortWriteError(room, to - from, 'ENOSPC'));
      },
      read: (into, from, length, position) => {
        begin('read');
        const bytes = inode.bytes.subarray(position, position + length);
        into.set(bytes, from);
        return bytes.length;
      },
      truncate: (length) => {
        begin('truncate');
        this.#step();
        inode.resize(this.#order++, length);
      },
      fdatasync: () => sync('fdatasync'),
      fsync: () => sync('fsync'),
      size: () => {
        begin('stat');
        return inode.bytes.length;
      },
      close: () => {
        if (open) this.openFiles--;
        open = false;
      },
    };
  }

  /** `onFault` takes what effect the failing call still has, and may throw an error of its own. */
  #begin(operation: Operation, path: string, onFault?: (fault: Fault) => void): void {
    if (this.#crashed) throw new CrashError(`${operation} ${path} after the crash`);
    for (const state of this.#faults) {
      const { fault } = state;
      if (fault.operation !== undefined && fault.operation !== operation) continue;
      if (fault.path !== undefined && !fault.path.test(path)) continue;
      const nth = ++state.seen - (fault.nth ?? 1);
      if (nth < 0 || nth >= (fault.times ?? 1)) continue;
      this.failures++;
      onFault?.(fault);
      throw systemError(operation, path, fault.code);
    }
  }

  #step(): void {
    if (this.#steps + 1 >= this.#crashStep) {
      this.#crashed = true;
      throw new CrashError(`crash at step ${this.#crashStep}`);
    }
    this.beforeStep?.();
    this.#steps++;
  }

  #find(operation: string, path: string): Inode | undefined {
    let inode: Inode | undefined = this.#root;
    for (const name of namesOf(path)) {
      if (inode.kind !== 'directory') throw systemError(operation, path, 'ENOTDIR');
      inode = inode.entries.get(name);
      if (inode === undefined) return undefined;
    }
    return inode;
  }

  #directory(operation: string, path: string): DirectoryInode {
    const inode = this.#find(operation, path);
    if (inode === undefined) throw systemError(operation, path, 'ENOENT');
    if (inode.kind !== 'directory') throw systemError(operation, path, 'ENOTDIR');
    return inode;
  }

  #parent(operation: string, path: string): DirectoryInode {
    return this.#directory(operation, dirname(path));
  }

  #roomFor(inode: FileInode, position: number): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    const used = usedBytes(this.#root) - inode.bytes.length;
    return Math.max(0, this.capacityBytes - used - position, inode.bytes.length - position);
  }

  #undecided(): AnyChange[] {
    const changes = new Set<AnyChange>();
    this.#root.collectUndecided(changes, new Set());
    return [...changes].sort((a, b) => a.order - b.order);
  }
}

function checkReplaceable(moved: Inode, replaced: Inode, path: string): void {
  if (moved.kind === 'file' && replaced.kind === 'directory') throw systemError('rename', path, 'EISDIR');
  if (moved.kind === 'directory' && replaced.kind === 'file') throw systemError('rename', path, 'ENOTDIR');
  if (replaced.kind === 'directory' && replaced.entries.size > 0) throw systemError('rename', path, 'ENOTEMPTY');
}

function usedBytes(inode: Inode): number {
  if (inode.kind === 'file') return inode.bytes.length;
  return [...inode.entries.values()].reduce((sum, entry) => sum + usedBytes(entry), 0);
}

function namesOf(path: string): string[] {
  return posix
    .normalize(`/${path}`)
    .split('/')
    .filter((name) => name !== '');
}

/** As Node makes it, for whom some errors have no name. */
function systemError(operation: string, path: string, code: keyof typeof constants.errno): Error {
  const unnamed = code === 'EDQUOT' || code === 'ESTALE';
  const cause = Object.assign(new Error(code), { code: unnamed ? 'UNKNOWN' : code, errno: -constants.errno[code] });
  return ioError(operation, path, cause);
}
