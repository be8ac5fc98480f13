import { crc32 } from 'node:zlib';
import {
  CHECKPOINT_FOOTER_BYTES,
  CHECKPOINT_HEADER_BYTES,
  IMAGE_BYTES,
  IMAGE_CRC,
  IMAGE_HEADER_BYTES,
} from '../../native-layout/checkpoint-file.js';
import { corruptFile } from '../errors.js';
import type { File, FileSystem } from '../io/file-system.js';
import { addImageCrc, type CheckpointMeta, type CheckpointSummary, decodeFooter, decodeHeader } from './header.js';

/** Whose checkpoint it should be. */
export type CheckpointOwner = Pick<CheckpointMeta, 'storeId' | 'shard' | 'nodeBytes'>;

/**
 * Hears each node. The image is a view that starts at a multiple of four bytes of its buffer; the next node overwrites it.
 */
export type ImageVisitor = (ordinal: number, image: Uint8Array) => void;

const BUFFER_BYTES = 1024 * 1024;

/**
 * Opens a checkpoint and checks its header and footer, which does not say that its nodes are good. Throws
 * ERR_HOLDFAST_CORRUPT for damage, another owner's file, or a cut that is not `cutLsn`; ERR_HOLDFAST_FORMAT for a version
 * that this one does not read.
 */
export function openCheckpoint(
  files: FileSystem,
  path: string,
  cutLsn: number,
  owner: CheckpointOwner,
): CheckpointReader {
  const file = files.open(path, 'read');
  try {
    const size = file.size();
    const header = decodeHeader(path, readAt(file, 0, Math.min(size, CHECKPOINT_HEADER_BYTES)));
    checkOwner(path, header.meta, cutLsn, owner);
    const footerAt = size - CHECKPOINT_FOOTER_BYTES;
    if (footerAt < CHECKPOINT_HEADER_BYTES) throw corruptFile(path, size, 'the file is cut short');
    const summary = decodeFooter(path, readAt(file, footerAt, CHECKPOINT_FOOTER_BYTES), size, header.crc);
    return new CheckpointReader(file, header.meta, summary, header.crc);
  } catch (error) {
    file.close();
    throw error;
  }
}

export class CheckpointReader {
  readonly meta: CheckpointMeta;
  readonly summary: CheckpointSummary;
  readonly #file: File;
  readonly #headerCrc: number;

  constructor(file: File, meta: CheckpointMeta, summary: CheckpointSummary, headerCrc: number) {
    this.#file = file;
    this.meta = meta;
    this.summary = summary;
    this.#headerCrc = headerCrc;
  }

  /**
   * Visits every node, in the order of ordinals from 1. Throws ERR_HOLDFAST_CORRUPT at the first that is damaged, after
   * the visitor heard those before it, and if the file holds other nodes than it was finished with.
   */
  readNodes(visit: ImageVisitor, onProgress?: (bytesDone: number, bytesTotal: number) => void): void {
    const { path } = this.#file;
    const end = this.summary.bytes - CHECKPOINT_FOOTER_BYTES;
    const imageBytesMax = IMAGE_HEADER_BYTES + this.meta.nodeBytes;
    const bytes = new Uint8Array(BUFFER_BYTES + imageBytesMax);
    const words = new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
    let images = 0;
    let imagesCrc = 0;
    let position = CHECKPOINT_HEADER_BYTES;
    while (position < end) {
      // The last image of the buffer may be cut short: it is read again at the start of the next.
      const got = this.#file.read(bytes, 0, Math.min(bytes.length, end - position), position);
      const isLast = position + got === end;
      let used = 0;
      while (used < got && (isLast || got - used >= imageBytesMax)) {
        const at = used / 4;
        const length = words[at + IMAGE_BYTES];
        const start = used + IMAGE_HEADER_BYTES;
        if (start > got || length === 0 || length > this.meta.nodeBytes || start + length > got) {
          throw corruptFile(path, position + used, `node ${images + 1} has an impossible length`);
        }
        const image = bytes.subarray(start, start + length);
        const crc = crc32(image, this.#headerCrc);
        if (crc !== words[at + IMAGE_CRC]) {
          throw corruptFile(path, position + used, `node ${images + 1} does not match its checksum`);
        }
        imagesCrc = addImageCrc(imagesCrc, crc);
        used = (start + length + 3) & ~3;
        visit(++images, image);
      }
      if (used === 0) throw corruptFile(path, position, 'the file became shorter while it was read');
      position += used;
      onProgress?.(position, this.summary.bytes);
    }
    if (images !== this.summary.images || imagesCrc !== this.summary.imagesCrc) {
      throw corruptFile(
        path,
        end,
        `the footer tells of ${this.summary.images} other nodes than the ${images} in the file`,
      );
    }
  }

  close(): void {
    this.#file.close();
  }
}

function checkOwner(path: string, meta: CheckpointMeta, cutLsn: number, owner: CheckpointOwner): void {
  if (!meta.storeId.every((byte, i) => byte === owner.storeId[i]))
    throw corruptFile(path, 0, 'it belongs to another store');
  if (meta.shard !== owner.shard) throw corruptFile(path, 0, `it belongs to shard ${meta.shard}, not ${owner.shard}`);
  if (meta.nodeBytes !== owner.nodeBytes) {
    throw corruptFile(path, 0, `its nodes are ${meta.nodeBytes} bytes long, those of the store ${owner.nodeBytes}`);
  }
  if (meta.cutLsn !== cutLsn) throw corruptFile(path, 0, `it ends at LSN ${meta.cutLsn}, its name says ${cutLsn}`);
}

function readAt(file: File, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, file.read(bytes, 0, length, position));
}
