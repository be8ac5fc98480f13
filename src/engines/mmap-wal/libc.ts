import { LeaseStoreError } from '../../errors.js';
import { ioError } from '../../io/io-error.js';

/** Where a mapping starts. */
export type Address = bigint;

/** The calls of the C library that Node does not offer. */
export interface Libc {
  /** Opens an existing file for reading and writing; its descriptor ends with an exec. */
  open(path: string): number;
  close(fd: number): void;
  /** Takes the file for this open, or answers false where somebody else has it. */
  lock(fd: number): boolean;
  /** Gives `[offset, offset + length)` blocks on the disk: writing to a hole of a full disk would kill the process. */
  allocate(fd: number, offset: number, length: number, path: string): void;
  /** Maps a part of the file, shared with it. */
  map(fd: number, offset: number, length: number, path: string): { readonly address: Address; readonly bytes: Buffer };
  /** Writes the pages of a mapping to the disk, in another thread. */
  sync(address: Address, length: number, path: string): Promise<void>;
  /** The bytes of the mapping must never be touched again. */
  unmap(address: Address, length: number): void;
}

/** As Linux numbers them. */
const O_RDWR = 0o2;
const O_CLOEXEC = 0o2000000;
const LOCK_EX_NB = 2 | 4;
const PROT_READ_WRITE = 1 | 2;
const MAP_SHARED = 1;
const MS_SYNC = 4;
const MAP_FAILED = 2n ** 64n - 1n;

/** Loads the C library of this process. Linux only: elsewhere the numbers differ, and blocks cannot be allocated. */
export async function loadLibc(): Promise<Libc> {
  if (process.platform !== 'linux') {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_ENGINE_UNAVAILABLE',
      `the engine 'mmap-wal' runs on Linux only, and this is ${process.platform}; take another engine`,
    );
  }
  const koffi = (await import('koffi')).default;
  const library = koffi.load(null);
  const open = library.func('int open(const char *path, int flags)');
  const close = library.func('int close(int fd)');
  const flock = library.func('int flock(int fd, int operation)');
  const allocate = library.func('int posix_fallocate(int fd, int64_t offset, int64_t length)');
  const mmap = library.func('void *mmap(void *at, size_t length, int protection, int flags, int fd, int64_t offset)');
  const msync = library.func('int msync(void *at, size_t length, int flags)');
  const munmap = library.func('int munmap(void *at, size_t length)');
  const failed = (call: string, path: string, errno: number) => ioError(call, path, { errno: -errno });

  return {
    open(path) {
      const fd: number = open(path, O_RDWR | O_CLOEXEC);
      if (fd < 0) throw failed('open', path, koffi.errno());
      return fd;
    },
    close(fd) {
      close(fd);
    },
    lock: (fd) => flock(fd, LOCK_EX_NB) === 0,
    allocate(fd, offset, length, path) {
      const errno: number = allocate(fd, offset, length);
      if (errno !== 0) throw failed('posix_fallocate', path, errno);
    },
    map(fd, offset, length, path) {
      const address: Address = mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, offset);
      if (address === MAP_FAILED) throw failed('mmap', path, koffi.errno());
      return { address, bytes: Buffer.from(koffi.view(address, length)) };
    },
    sync(address, length, path) {
      return new Promise((resolve, reject) => {
        msync.async(address, length, MS_SYNC, (error: unknown, result: number) => {
          if (error || result !== 0) reject(ioError('msync', path, error || new Error('it was refused')));
          else resolve();
        });
      });
    },
    unmap(address, length) {
      munmap(address, length);
    },
  };
}
