import { assert } from '../assert.js';
import { corruptFile } from '../errors.js';
import type { File } from '../io/file-system.js';

const WINDOW_BYTES = 1024 * 1024;

/** A file seen through one reused buffer that moves along it, as bytes and as words. */
export class FileWindow {
  words = new Uint32Array(0);
  bytes = new Uint8Array(this.words.buffer);
  readonly #onLoad: ((bytes: number) => void) | undefined;
  #file: File | undefined;
  #size = 0;
  #start = 0;
  #loaded = 0;

  /** `onLoad` hears how many bytes were read, each time that some were. */
  constructor(onLoad?: (bytes: number) => void) {
    this.#onLoad = onLoad;
  }

  /** Looks at another file; the caller closes it. */
  open(file: File, size: number): void {
    this.#file = file;
    this.#size = size;
    this.#start = 0;
    this.#loaded = 0;
  }

  get path(): string {
    return this.#file?.path ?? '';
  }

  get size(): number {
    return this.#size;
  }

  /** Whole words in the buffer. */
  get loadedWords(): number {
    return this.#loaded >>> 2;
  }

  /**
   * Brings `[offset, offset + length)`, which lies within the file, into the buffer, and answers where in it `offset`
   * is. Positions of earlier answers and `words` and `bytes` themselves are void after it.
   */
  load(offset: number, length: number): number {
    const behind = offset + length;
    if (offset >= this.#start && behind <= this.#start + this.#loaded) return offset - this.#start;
    assert(this.#file !== undefined && offset % 4 === 0 && behind <= this.#size, 'a window outside of its file');
    const room = Math.max(length, Math.min(WINDOW_BYTES, this.#size));
    if (room > this.bytes.length) {
      this.words = new Uint32Array(Math.ceil(room / 4));
      this.bytes = new Uint8Array(this.words.buffer);
    }
    const wanted = Math.min(this.bytes.length, this.#size - offset);
    const got = this.#file.read(this.bytes, 0, wanted, offset);
    if (got < wanted) throw corruptFile(this.path, offset + got, 'the file became shorter while it was read');
    this.#start = offset;
    this.#loaded = got;
    this.#onLoad?.(got);
    return 0;
  }
}
