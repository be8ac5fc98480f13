import { crc32 } from 'node:zlib';
import {
  CHECKPOINT_FOOTER_BYTES,
  IMAGE_BYTES,
  IMAGE_CRC,
  IMAGE_HEADER_BYTES,
} from '../../native-layout/checkpoint-file.js';
import { assert } from '../assert.js';
import type { File, FileSystem } from '../io/file-system.js';
import { checkpointPath, temporaryPath } from './files.js';
import { addImageCrc, type CheckpointMeta, type CheckpointTree, encodeFooter, encodeHeader } from './header.js';

const BUFFER_BYTES = 1024 * 1024;

/**
 * Writes one checkpoint: create, append every node, finish, publish; or abort at any point before publish. Failures
 * throw what the file system threw; the caller then aborts.
 */
export class CheckpointWriter {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #meta: CheckpointMeta;
  readonly #file: File;
  readonly #headerCrc: number;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  #used = 0;
  #written = 0;
  #images = 0;
  #imagesCrc = 0;
  #finished = false;

  private constructor(files: FileSystem, directory: string, meta: CheckpointMeta, file: File) {
    this.#files = files;
    this.#directory = directory;
    this.#meta = meta;
    this.#file = file;
    this.#bytes = new Uint8Array(BUFFER_BYTES + IMAGE_HEADER_BYTES + meta.nodeBytes + CHECKPOINT_FOOTER_BYTES);
    this.#words = new Uint32Array(this.#bytes.buffer);
    const header = encodeHeader(meta);
    this.#headerCrc = header.crc;
    this.#bytes.set(header.bytes);
    this.#used = header.bytes.length;
  }

  /** Starts a file under a temporary name, over the remains of an earlier try. */
  static create(files: FileSystem, directory: string, meta: CheckpointMeta): CheckpointWriter {
    const path = temporaryPath(directory, meta.cutLsn);
    if (files.stat(path) !== undefined) files.unlink(path);
    return new CheckpointWriter(files, directory, meta, files.open(path, 'create'));
  }

  /** Nodes so far. */
  get images(): number {
    return this.#images;
  }

  /** Length of the file so far. */
  get bytes(): number {
    return this.#written + this.#used;
  }

  /** Adds a node, given as two pieces (the second may be empty). Answers its ordinal. */
  append(head: Uint8Array, tail: Uint8Array): number {
    const length = head.length + tail.length;
    assert(!this.#finished && length > 0 && length <= this.#meta.nodeBytes, 'not an image of a node');
    const start = this.#used + IMAGE_HEADER_BYTES;
    const end = start + length;
    const padded = (end + 3) & ~3;
    this.#bytes.fill(0, end, padded);
    this.#bytes.set(head, start);
    this.#bytes.set(tail, start + head.length);
    const crc = crc32(this.#bytes.subarray(start, end), this.#headerCrc);
    const at = this.#used / 4;
    this.#words[at + IMAGE_BYTES] = length;
    this.#words[at + IMAGE_CRC] = crc;
    this.#imagesCrc = addImageCrc(this.#imagesCrc, crc);
    this.#used = padded;
    if (this.#used >= BUFFER_BYTES) this.#flush();
    return ++this.#images;
  }

  /** Completes the file and makes its content durable. `trees`: leases, owners, names. Answers its length. */
  finish(trees: readonly CheckpointTree[]): number {
    assert(!this.#finished, 'a checkpoint is finished once');
    const bytes = this.bytes + CHECKPOINT_FOOTER_BYTES;
    const summary = { bytes, images: this.#images, imagesCrc: this.#imagesCrc, trees };
    this.#bytes.set(encodeFooter(summary, this.#headerCrc), this.#used);
    this.#used += CHECKPOINT_FOOTER_BYTES;
    this.#flush();
    this.#file.fsync();
    this.#file.close();
    this.#finished = true;
    return bytes;
  }

  /**
   * Gives the finished file its name, durably; answers its path. Only once the log is durable up to the cut, or a power
   * cut could leave a checkpoint that is ahead of its log.
   */
  publish(): string {
    assert(this.#finished, 'only a finished checkpoint is published');
    const path = checkpointPath(this.#directory, this.#meta.cutLsn);
    this.#files.rename(temporaryPath(this.#directory, this.#meta.cutLsn), path);
    this.#files.syncDirectory(this.#directory);
    return path;
  }

  /** Removes the file, unless it has its final name already. */
  abort(): void {
    this.#file.close();
    const path = temporaryPath(this.#directory, this.#meta.cutLsn);
    if (this.#files.stat(path) !== undefined) this.#files.unlink(path);
  }

  #flush(): void {
    this.#file.write(this.#bytes, 0, this.#used, this.#written);
    this.#written += this.#used;
    this.#used = 0;
  }
}
