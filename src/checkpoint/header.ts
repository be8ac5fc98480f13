import { crc32 } from 'node:zlib';
import * as layout from '../../native-layout/checkpoint-file.js';
import { CHECKPOINT_END_MAGIC, CHECKPOINT_MAGIC, FORMAT_VERSION, NODE_BYTES_MAX } from '../../native-layout/format.js';
import { setU53, u53 } from '../../native-layout/lease-record.js';
import { assert } from '../assert.js';
import { corruptFile, LeaseStoreError } from '../errors.js';

/** What a checkpoint is of; known before its first node is written. */
export interface CheckpointMeta {
  /** 16 bytes. */
  readonly storeId: Uint8Array;
  readonly shard: number;
  /** No image is longer. */
  readonly nodeBytes: number;
  /** LSN of the last record that it holds. */
  readonly cutLsn: number;
  readonly commit: number;
  readonly storeMs: number;
  readonly tokenCeiling: number;
}

export interface CheckpointTree {
  /** Ordinal of the root's image; 0 for an empty tree. */
  readonly root: number;
  readonly entries: number;
}

/** What is known once all nodes are written. */
export interface CheckpointSummary {
  readonly bytes: number;
  readonly images: number;
  readonly imagesCrc: number;
  /** Of leases, owners, names. */
  readonly trees: readonly CheckpointTree[];
}

/** A checksum of the checksums of images, in order; starts at 0. */
export function addImageCrc(imagesCrc: number, imageCrc: number): number {
  CRC_CELL[0] = imageCrc;
  return crc32(CRC_CELL_BYTES, imagesCrc);
}
const CRC_CELL = new Uint32Array(1);
const CRC_CELL_BYTES = new Uint8Array(CRC_CELL.buffer);

export interface EncodedHeader {
  readonly bytes: Uint8Array;
  /** Checksums of images and footer start from it, so that parts of other checkpoints do not check out here. */
  readonly crc: number;
}

export function encodeHeader(meta: CheckpointMeta): EncodedHeader {
  assert(meta.storeId.length === layout.CHECKPOINT_STORE_ID_BYTES, 'a store id is 16 bytes');
  assert(meta.nodeBytes % 4 === 0 && meta.nodeBytes <= NODE_BYTES_MAX, 'nodes are whole words, within the limit');
  const words = new Uint32Array(layout.CHECKPOINT_HEADER_BYTES / 4);
  const bytes = new Uint8Array(words.buffer);
  words[layout.CHECKPOINT_MAGIC_WORD] = CHECKPOINT_MAGIC;
  words[layout.CHECKPOINT_VERSION] = FORMAT_VERSION;
  words[layout.CHECKPOINT_SHARD] = meta.shard;
  bytes.set(meta.storeId, layout.CHECKPOINT_STORE_BYTE);
  words[layout.CHECKPOINT_NODE_BYTES] = meta.nodeBytes;
  setU53(words, layout.CHECKPOINT_LSN, meta.cutLsn);
  setU53(words, layout.CHECKPOINT_COMMIT, meta.commit);
  setU53(words, layout.CHECKPOINT_TIME, Math.ceil(meta.storeMs));
  setU53(words, layout.CHECKPOINT_CEILING, meta.tokenCeiling);
  const crc = crc32(bytes.subarray(layout.CHECKPOINT_CHECKED_BYTE));
  words[layout.CHECKPOINT_CRC] = crc;
  return { bytes, crc };
}

/** Throws ERR_HOLDFAST_CORRUPT, or ERR_HOLDFAST_FORMAT for a version that this one does not read. */
export function decodeHeader(path: string, bytes: Uint8Array): { readonly meta: CheckpointMeta; readonly crc: number } {
  if (bytes.length < layout.CHECKPOINT_HEADER_BYTES) throw corruptFile(path, 0, 'the header is cut short');
  const copy = bytes.slice(0, layout.CHECKPOINT_HEADER_BYTES);
  const words = new Uint32Array(copy.buffer);
  if (words[layout.CHECKPOINT_MAGIC_WORD] !== CHECKPOINT_MAGIC) {
    throw corruptFile(path, 0, 'it does not start like a checkpoint');
  }
  const crc = crc32(copy.subarray(layout.CHECKPOINT_CHECKED_BYTE));
  if (words[layout.CHECKPOINT_CRC] !== crc) throw corruptFile(path, 0, 'the header does not match its checksum');
  const version = words[layout.CHECKPOINT_VERSION];
  if (version !== FORMAT_VERSION) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_FORMAT',
      `${path} has format ${version}, and this version of holdfast reads ${FORMAT_VERSION}: open the store with the version that wrote it`,
    );
  }
  const nodeBytes = words[layout.CHECKPOINT_NODE_BYTES];
  if (nodeBytes > NODE_BYTES_MAX) throw corruptFile(path, 0, `nodes of ${nodeBytes} bytes`);
  const meta: CheckpointMeta = {
    storeId: copy.slice(layout.CHECKPOINT_STORE_BYTE, layout.CHECKPOINT_STORE_BYTE + layout.CHECKPOINT_STORE_ID_BYTES),
    shard: words[layout.CHECKPOINT_SHARD],
    nodeBytes,
    cutLsn: u53(words, layout.CHECKPOINT_LSN),
    commit: u53(words, layout.CHECKPOINT_COMMIT),
    storeMs: u53(words, layout.CHECKPOINT_TIME),
    tokenCeiling: u53(words, layout.CHECKPOINT_CEILING),
  };
  return { meta, crc };
}

export function encodeFooter(summary: CheckpointSummary, headerCrc: number): Uint8Array {
  assert(summary.trees.length === layout.CHECKPOINT_TREES, 'a checkpoint has three trees');
  const words = new Uint32Array(layout.CHECKPOINT_FOOTER_BYTES / 4);
  const bytes = new Uint8Array(words.buffer);
  words[layout.END_MAGIC] = CHECKPOINT_END_MAGIC;
  setU53(words, layout.END_BYTES, summary.bytes);
  words[layout.END_IMAGES] = summary.images;
  words[layout.END_IMAGES_CRC] = summary.imagesCrc;
  summary.trees.forEach((tree, i) => {
    assert(tree.root <= summary.images, 'a root that was not written');
    const at = layout.END_TREES + i * layout.CHECKPOINT_TREE_WORDS;
    words[at + layout.TREE_ROOT] = tree.root;
    words[at + layout.TREE_ENTRIES] = tree.entries;
  });
  words[layout.END_CRC] = crc32(bytes.subarray(layout.END_CHECKED_BYTE), headerCrc);
  return bytes;
}

/** Reads the footer of a file of `size` bytes. Throws ERR_HOLDFAST_CORRUPT. */
export function decodeFooter(path: string, bytes: Uint8Array, size: number, headerCrc: number): CheckpointSummary {
  const at = size - layout.CHECKPOINT_FOOTER_BYTES;
  const copy = bytes.slice();
  const words = new Uint32Array(copy.buffer);
  if (words[layout.END_MAGIC] !== CHECKPOINT_END_MAGIC)
    throw corruptFile(path, at, 'it does not end like a checkpoint');
  if (words[layout.END_CRC] !== crc32(copy.subarray(layout.END_CHECKED_BYTE), headerCrc)) {
    throw corruptFile(path, at, 'the footer does not match its checksum');
  }
  const told = u53(words, layout.END_BYTES);
  if (told !== size) throw corruptFile(path, at, `the footer tells of ${told} bytes where there are ${size}`);
  const images = words[layout.END_IMAGES];
  const trees = Array.from({ length: layout.CHECKPOINT_TREES }, (_, i) => {
    const tree = layout.END_TREES + i * layout.CHECKPOINT_TREE_WORDS;
    return { root: words[tree + layout.TREE_ROOT], entries: words[tree + layout.TREE_ENTRIES] };
  });
  if (trees.some((tree) => tree.root > images)) throw corruptFile(path, at, 'a root that is not there');
  return { bytes: size, images, imagesCrc: words[layout.END_IMAGES_CRC], trees };
}
