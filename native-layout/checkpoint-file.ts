import { fields, word } from './fields.js';

/*
 * A checkpoint is one commit as a file:
 *
 *   checkpoint-0000000000004711.ckpt:  header | image | image | … | footer
 *
 * An image is the bytes of one node in whole words behind its size and checksum. Its ordinal is its place, counted from
 * 1; 0 stands for no node. What an image contains is not this format's business. Numbers are little-endian. The file is
 * whole if its footer is where the file ends: what is only known at the end, the roots too, is in there.
 */

const h = fields();
const MAGIC_AT = h.u32('magic "HFCK"');
const CRC_AT = h.u32('CRC-32 of the rest of the header');
const VERSION_AT = h.u32('format version');
const SHARD_AT = h.u32('shard');
const STORE_AT = h.raw('store id', 16);
const NODE_BYTES_AT = h.u32('node bytes: no image is longer');
const LSN_AT = h.u53('cut: LSN of the last record that it holds');
const COMMIT_AT = h.u53('commit number');
const TIME_AT = h.u53('store time, ms');
const CEILING_AT = h.u53('token ceiling');
export const CHECKPOINT_HEADER_LAYOUT = h.layout();
export const CHECKPOINT_HEADER_BYTES = h.end(4);

/** What the header's checksum covers starts here; the magic before it is compared whole. */
export const CHECKPOINT_CHECKED_BYTE = VERSION_AT;
export const CHECKPOINT_STORE_BYTE = STORE_AT;
export const CHECKPOINT_STORE_ID_BYTES = NODE_BYTES_AT - STORE_AT;

/** Word offsets within the header. */
export const CHECKPOINT_MAGIC_WORD = word(MAGIC_AT);
export const CHECKPOINT_CRC = word(CRC_AT);
export const CHECKPOINT_VERSION = word(VERSION_AT);
export const CHECKPOINT_SHARD = word(SHARD_AT);
export const CHECKPOINT_NODE_BYTES = word(NODE_BYTES_AT);
export const CHECKPOINT_LSN = word(LSN_AT);
export const CHECKPOINT_COMMIT = word(COMMIT_AT);
export const CHECKPOINT_TIME = word(TIME_AT);
export const CHECKPOINT_CEILING = word(CEILING_AT);

const i = fields();
const IMAGE_BYTES_AT = i.u32('bytes of the image');
const IMAGE_CRC_AT = i.u32('CRC-32 of the image, from the CRC of the header');
/** Stands before each image. */
export const IMAGE_LAYOUT = i.layout();
export const IMAGE_HEADER_BYTES = i.end(4);
export const IMAGE_BYTES = word(IMAGE_BYTES_AT);
export const IMAGE_CRC = word(IMAGE_CRC_AT);

const t = fields();
const ROOT_AT = t.u32('ordinal of the root, 0 in an empty tree');
const ENTRIES_AT = t.u32('entries');
export const CHECKPOINT_TREE_LAYOUT = t.layout();
export const CHECKPOINT_TREE_WORDS = word(t.end(4));
export const TREE_ROOT = word(ROOT_AT);
export const TREE_ENTRIES = word(ENTRIES_AT);

/** Trees of a commit: leases, owners, names. */
export const CHECKPOINT_TREES = 3;

const e = fields();
const END_MAGIC_AT = e.u32('magic "HFCE"');
const END_CRC_AT = e.u32('CRC-32 of the rest of the footer, from the CRC of the header');
const END_BYTES_AT = e.u53('bytes of the file');
const END_IMAGES_AT = e.u32('images');
const END_IMAGES_CRC_AT = e.u32('CRC-32 of the CRCs of the images, in order');
const END_TREES_AT = e.words('root and entries of each tree', CHECKPOINT_TREES * CHECKPOINT_TREE_WORDS);
export const CHECKPOINT_FOOTER_LAYOUT = e.layout();
export const CHECKPOINT_FOOTER_BYTES = e.end(4);

/** What the footer's checksum covers starts here. */
export const END_CHECKED_BYTE = END_BYTES_AT;

/** Word offsets within the footer. */
export const END_MAGIC = word(END_MAGIC_AT);
export const END_CRC = word(END_CRC_AT);
export const END_BYTES = word(END_BYTES_AT);
export const END_IMAGES = word(END_IMAGES_AT);
export const END_IMAGES_CRC = word(END_IMAGES_CRC_AT);
export const END_TREES = word(END_TREES_AT);
