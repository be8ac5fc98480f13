import {
  EXPIRES_AT,
  TICK_NONE,
  tickOf,
  u53,
  VALUE_IN_NODES,
  VALUE_SIZE,
  VALUE_SIZE_MASK,
  VALUE_START,
} from '../../native-layout/lease-record.js';
import { NIL } from '../../native-layout/node.js';

/** What the tree code must know of a tree's payloads; it takes them for plain words otherwise. */
export interface TreeKind {
  readonly id: number;
  readonly name: string;
  /** The deadline in a payload at `at`; infinite where payloads have none. */
  deadlineMs(words: Uint32Array, at: number): number;
  /** The tick of the deadline in a payload at `at`, or TICK_NONE. */
  tick(words: Uint32Array, at: number): number;
  /** The first value node that a payload of `size` words at `at` refers to, or NIL. */
  valueNode(words: Uint32Array, at: number, size: number): number;
  /** Bytes of the value that {@link valueNode} is the first node of. */
  valueBytes(words: Uint32Array, at: number): number;
}

/** `type NUL id` → lease. */
export const LEASES: TreeKind = {
  id: 1,
  name: 'leases',
  deadlineMs: (words, at) => u53(words, at + EXPIRES_AT),
  tick: (words, at) => tickOf(u53(words, at + EXPIRES_AT)),
  valueNode: (words, at, size) =>
    size > VALUE_SIZE && (words[at + VALUE_SIZE] & VALUE_IN_NODES) !== 0 ? words[at + VALUE_START] : NIL,
  valueBytes: (words, at) => words[at + VALUE_SIZE] & VALUE_SIZE_MASK,
};

const WITHOUT_DEADLINE = {
  deadlineMs: () => Number.POSITIVE_INFINITY,
  tick: () => TICK_NONE,
  valueNode: () => NIL,
  valueBytes: () => 0,
};

/** `owner reference, type NUL id` → nothing. */
export const OWNERS: TreeKind = { id: 2, name: 'owners', ...WITHOUT_DEADLINE };

/** `1, owner name` → reference and `2, reference` → name; see {@link OwnerNames}. */
export const NAMES: TreeKind = { id: 3, name: 'names', ...WITHOUT_DEADLINE };
