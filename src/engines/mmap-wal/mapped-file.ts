import { LeaseStoreError } from '../../errors.js';
import type { FileSystem } from '../../io/file-system.js';
import type { Address, Libc } from './libc.js';

/** The file grows and is mapped by so much at a time; nothing is ever mapped anew, so views stay good. */
export const CHUNK_BYTES = 8 * 1024 * 1024;

interface Chunk {
  readonly address: Address;
  readonly bytes: Buffer;
  dirty: boolean;
}

/** A file as memory: what is written to its chunks is in the page cache at once, and survives this process. */
export class MappedFile {
  readonly #libc: Libc;
  readonly #path: string;
  readonly #fd: number;
  readonly #chunks: Chunk[] = [];

  private constructor(libc: Libc, path: string, fd: number) {
    this.#libc = libc;
    this.#path = path;
    this.#fd = fd;
  }

  /** Opens the file, locks it, and maps all of it. Creates it, empty, where it is missing. */
  static open(files: FileSystem, libc: Libc, path: string): MappedFile {
    // By the way that refuses links and whatever else is no file, for the C library's does not.
    files.open(path, files.stat(path) === undefined ? 'create' : 'write').close();
    const bytes = files.stat(path)?.bytes ?? 0;
    const mapped = new MappedFile(libc, path, libc.open(path));
    try {
      if (!libc.lock(mapped.#fd)) {
        throw new LeaseStoreError(
          'ERR_HOLDFAST_LOCKED',
          `another process has ${path} locked; close the store there, or use another directory`,
        );
      }
      // A crash may have cut growing short: what is there of the last chunk counts, and its blocks are asked for again.
      for (let offset = 0; offset < bytes; offset += CHUNK_BYTES) mapped.grow();
      return mapped;
    } catch (error) {
      mapped.close();
      throw error;
    }
  }

  get chunks(): number {
    return this.#chunks.length;
  }

  /** The bytes of a chunk, for reading. */
  bytes(chunk: number): Buffer {
    return this.#chunks[chunk].bytes;
  }

  /** The bytes of a chunk, for writing: the next flush writes it to the disk. */
  writable(chunk: number): Buffer {
    this.#chunks[chunk].dirty = true;
    return this.#chunks[chunk].bytes;
  }

  /** Adds a chunk of zeros. */
  grow(): void {
    const offset = this.#chunks.length * CHUNK_BYTES;
    this.#libc.allocate(this.#fd, offset, CHUNK_BYTES, this.#path);
    this.#chunks.push({ ...this.#libc.map(this.#fd, offset, CHUNK_BYTES, this.#path), dirty: true });
  }

  /** Resolves once everything that was written before the call is on the disk. */
  async flush(): Promise<void> {
    for (const chunk of this.#chunks.filter(({ dirty }) => dirty)) {
      // Before the call: what is written while it runs may or may not be taken along.
      chunk.dirty = false;
      try {
        await this.#libc.sync(chunk.address, CHUNK_BYTES, this.#path);
      } catch (error) {
        chunk.dirty = true;
        throw error;
      }
    }
  }

  /** Nothing of the file may be touched afterwards. */
  close(): void {
    for (const { address } of this.#chunks.splice(0)) this.#libc.unmap(address, CHUNK_BYTES);
    this.#libc.close(this.#fd);
  }
}
