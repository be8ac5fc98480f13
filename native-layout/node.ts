import { fields, word } from './fields.js';
import { NODE_BYTES_MAX } from './format.js';

/*
 * Every node of every tree has one shape, a slotted map from key bytes to payload words:
 *
 *   header | slots, sorted by key, growing up → … free … ← cells, growing down | prefix
 *
 * The prefix is what all keys of the node begin with. A slot holds the next four key bytes as one big-endian number
 * (the head), so that a binary search reads slots alone, and where the cell is. A cell holds the payload words and the
 * key bytes behind the head. In a node with UUID_TAIL every key is the prefix and a canonical UUID, whose 16 bytes
 * stand in for its 36 characters: their order is the same.
 *
 * In a branch the payload is (child, leases below, earliest tick below); the first key of a branch is "less than
 * everything" and is kept empty, outside the prefix.
 */

const h = fields();
const KIND_AT = h.u8('kind: 1 leaf, 2 branch, 3 value');
const LEVEL_AT = h.u8('level: 0 in a leaf');
const TREE_AT = h.u8('tree');
const FLAGS_AT = h.u8('flags: 1 every key ends in a UUID');
const COUNT_AT = h.u32('slots');
const PREFIX_AT = h.u32('prefix bytes');
const HEAP_AT = h.u32('lowest cell byte');
const DEAD_AT = h.u32('dead bytes among the cells');
const BIRTH_AT = h.u53('birth commit');
const SELF_AT = h.u32('own node id');

export const NODE_HEADER_LAYOUT = h.layout();
export const NODE_HEADER_BYTES = h.end(8);

/** Byte offsets within a node. */
export const KIND = KIND_AT;
export const LEVEL = LEVEL_AT;
export const TREE = TREE_AT;
export const FLAGS = FLAGS_AT;

/** Word offsets within a node. */
export const COUNT = word(COUNT_AT);
export const PREFIX_BYTES = word(PREFIX_AT);
export const HEAP_START = word(HEAP_AT);
export const DEAD_BYTES = word(DEAD_AT);
export const BIRTH = word(BIRTH_AT);
export const SELF = word(SELF_AT);
export const SLOTS = word(NODE_HEADER_BYTES);

export const LEAF = 1;
export const BRANCH = 2;
export const VALUE = 3;

export const UUID_TAIL = 1;

const s = fields();
const HEAD_AT = s.u32('head: next four key bytes, big-endian, zero-padded');
const LOC_AT = s.u32('cell word 12 bits | key bytes behind the prefix 10 bits | payload words 10 bits');
export const SLOT_LAYOUT = s.layout();
export const SLOT_BYTES = s.end(4);
export const SLOT_WORDS = word(SLOT_BYTES);
export const SLOT_HEAD = word(HEAD_AT);
export const SLOT_LOC = word(LOC_AT);

/** Key bytes that the slot itself holds. */
export const HEAD_BYTES = 4;

const CELL_SHIFT = 20;
const SUFFIX_SHIFT = 10;
const TEN_BITS = 0x3ff;
if (NODE_BYTES_MAX / 4 > 1 << (32 - CELL_SHIFT)) throw new RangeError('a cell offset does not fit its bits');

export const PAYLOAD_WORDS_MAX = TEN_BITS;

export function slotLoc(cellWord: number, suffixBytes: number, payloadWords: number): number {
  return ((cellWord << CELL_SHIFT) | (suffixBytes << SUFFIX_SHIFT) | payloadWords) >>> 0;
}

/** Word offset of the cell within its node. */
export function cellWordOf(loc: number): number {
  return loc >>> CELL_SHIFT;
}

/** Key bytes behind the prefix, the four in the head included. */
export function suffixBytesOf(loc: number): number {
  return (loc >>> SUFFIX_SHIFT) & TEN_BITS;
}

export function payloadWordsOf(loc: number): number {
  return loc & TEN_BITS;
}

/** Words that a cell takes. */
export function cellWords(suffixBytes: number, payloadWords: number): number {
  return payloadWords + (suffixBytes > HEAD_BYTES ? (suffixBytes - HEAD_BYTES + 3) >>> 2 : 0);
}

const b = fields();
const CHILD_AT = b.u32('child node');
const BELOW_AT = b.u32('entries below');
const EARLIEST_AT = b.u32('earliest deadline below, a lower bound in ticks');
export const BRANCH_PAYLOAD_LAYOUT = b.layout();
export const BRANCH_WORDS = word(b.end(4));
export const CHILD = word(CHILD_AT);
export const BELOW = word(BELOW_AT);
export const EARLIEST = word(EARLIEST_AT);

const v = fields();
v.raw('node header', NODE_HEADER_BYTES);
const NEXT_AT = v.u32('next value node, or 0');
const BYTES_AT = v.u32('value bytes in this node');
export const VALUE_NODE_LAYOUT = v.layout();
/** Word offsets within a value node; its bytes start at VALUE_DATA_BYTES. */
export const VALUE_NEXT = word(NEXT_AT);
export const VALUE_BYTES = word(BYTES_AT);
export const VALUE_DATA_BYTES = v.end(8);

/** The id that no node has. */
export const NIL = 0;
