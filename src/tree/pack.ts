import { UUID_BYTES } from '../../native-layout/format.js';
import * as layout from '../../native-layout/node.js';
import { assert } from '../assert.js';
import { Key } from '../key.js';
import { format, writeCell } from './edit.js';
import type { Entries } from './entries.js';
import type { Node } from './node.js';

/*
 * Laying sorted entries out in nodes: how long the shared prefix is, whether all keys end in a UUID, where to cut.
 * Splitting, merging, redistributing and changing a node's prefix or packing are all this one operation.
 */

/** How a run of entries is stored in one node. */
interface Shape {
  prefixBytes: number;
  uuidTail: boolean;
}

const shape: Shape = { prefixBytes: 0, uuidTail: false };
const key = new Key();

/** Sets `shape` for entries `from` to `to`. The first key of a branch is empty and takes no part in its prefix. */
function chooseShape(entries: Entries, from: number, to: number, level: number): void {
  const first = level === 0 ? from : from + 1;
  shape.uuidTail = false;
  shape.prefixBytes = 0;
  if (first >= to) return;
  const common = first === to - 1 ? entries.keyBytes(first) : entries.commonBytes(first, to - 1);
  shape.prefixBytes = common;
  if (level > 0) return;
  const tail = entries.uuidAt(first);
  if (tail < 0 || tail > common) return;
  for (let i = first + 1; i < to; i++) if (entries.uuidAt(i) !== tail) return;
  shape.uuidTail = true;
  shape.prefixBytes = tail;
}

function suffixBytes(entries: Entries, i: number): number {
  return shape.uuidTail ? UUID_BYTES : entries.keyBytes(i) - shape.prefixBytes;
}

function entryBytes(entries: Entries, i: number, first: boolean): number {
  const suffix = first ? 0 : suffixBytes(entries, i);
  return layout.SLOT_BYTES + layout.cellWords(suffix, entries.payloadWords(i)) * 4;
}

/** Bytes of the node that entries `from` to `to` would make. */
export function measure(entries: Entries, from: number, to: number, level: number): number {
  chooseShape(entries, from, to, level);
  let bytes = layout.NODE_HEADER_BYTES + ((shape.prefixBytes + 3) & ~3);
  for (let i = from; i < to; i++) bytes += entryBytes(entries, i, level > 0 && i === from);
  return bytes;
}

/** Writes entries `from` to `to` into `node`, which they are known to fit. */
export function writeNode(entries: Entries, from: number, to: number, node: Node, tree: number, level: number): void {
  chooseShape(entries, from, to, level);
  const { prefixBytes, uuidTail } = shape;
  format(node, tree, level);
  const { words, bytes, at, slabs } = node;
  if (uuidTail) bytes[at * 4 + layout.FLAGS] = layout.UUID_TAIL;
  words[at + layout.PREFIX_BYTES] = prefixBytes;
  const padded = (prefixBytes + 3) & ~3;
  words[at + layout.HEAP_START] = slabs.nodeBytes - padded;
  for (let i = at * 4 + slabs.nodeBytes - padded; i < at * 4 + slabs.nodeBytes; i++) bytes[i] = 0;
  if (prefixBytes > 0) {
    entries.readKey(level === 0 ? from : from + 1, key);
    const prefixAt = node.prefixAt;
    for (let i = 0; i < prefixBytes; i++) bytes[prefixAt + i] = key.bytes[i];
  }
  let slotAt = at + layout.SLOTS;
  for (let i = from; i < to; i++) {
    const first = level > 0 && i === from;
    entries.readKey(i, key);
    const suffix = first ? 0 : uuidTail ? UUID_BYTES : key.length - prefixBytes;
    writeCell(node, slotAt, key, suffix, entries.payloads, entries.payloadAt(i), entries.payloadWords(i));
    if (first) words[slotAt + layout.SLOT_HEAD] = 0;
    slotAt += layout.SLOT_WORDS;
  }
  words[at + layout.COUNT] = to - from;
  assert(words[at + layout.HEAP_START] >= (slotAt - at) * 4, 'a node past its end');
}

const cuts: number[] = [];

/**
 * Where to cut the entries into as few nodes as fit, of about equal size, or a leaf at a seam. Answers the starts of all
 * nodes and, last, the number of entries; the array is reused by the next call.
 */
export function planCuts(entries: Entries, level: number, nodeBytes: number): readonly number[] {
  const whole = measure(entries, 0, entries.length, level);
  if (whole <= nodeBytes) return setCuts(0, entries.length);
  const seam = level === 0 ? seamNearMiddle(entries) : 0;
  if (seam > 0) {
    setCuts(0, seam, entries.length);
    if (allFit(entries, level, nodeBytes)) return cuts;
  }
  for (let parts = Math.max(2, Math.ceil(whole / nodeBytes)); ; parts++) {
    assert(parts <= entries.length, 'an entry does not fit a node of its own');
    cutInto(entries, level, parts);
    if (allFit(entries, level, nodeBytes)) return cuts;
  }
}

/**
 * The seam nearest to the middle: a place where a leaf's packing of UUIDs ends, since the keys behind it begin otherwise;
 * 0 if there is none. A leaf across a seam is not packed, and holds a third as many entries. Were it cut anywhere else,
 * UUIDs that arrive in order at the end of what begins alike (of one type, or of one owner) would leave leaves behind
 * them that are packed, a fifth full, and never met again.
 */
function seamNearMiddle(entries: Entries): number {
  const { length } = entries;
  let seam = 0;
  for (let i = 1; i < length; i++) {
    if (Math.abs(2 * i - length) >= Math.abs(2 * seam - length) || packsWith(entries, i)) continue;
    seam = i;
  }
  return seam;
}

/** Whether the entry can be packed in one leaf with the one before it, if either can be packed at all. */
function packsWith(entries: Entries, i: number): boolean {
  const tail = entries.uuidAt(i);
  return tail === entries.uuidAt(i - 1) && (tail < 0 || entries.commonBytes(i - 1, i) >= tail);
}

/**
 * Where to cut a leaf's entries after one was put behind all others: nowhere if they fit, else in front of the new one.
 * Keys that arrive in order (counters, ULIDs, version 7 UUIDs) then leave full leaves behind them, not half-full ones.
 * What fits the leaf as it is may not fit one that is laid out anew, in another shape; then as {@link planCuts}.
 */
export function planAppend(entries: Entries, nodeBytes: number): readonly number[] {
  const { length } = entries;
  if (measure(entries, 0, length, 0) <= nodeBytes) return setCuts(0, length);
  if (measure(entries, 0, length - 1, 0) <= nodeBytes) return setCuts(0, length - 1, length);
  return planCuts(entries, 0, nodeBytes);
}

/** How full nodes are laid out that no change made: room for a few insertions before they split. */
const DENSE_FILL = 0.95;

export function denseBytes(nodeBytes: number): number {
  return Math.floor(nodeBytes * DENSE_FILL);
}

/**
 * Where to cut the entries into nodes filled up to `fillBytes` one after the other, with the last two evened out. For
 * bulk loading and repacking; answers like {@link planCuts}.
 */
export function planDense(entries: Entries, level: number, nodeBytes: number, fillBytes: number): readonly number[] {
  const { length } = entries;
  setCuts(0);
  let guess = fillBytes >>> 6;
  for (let from = 0; from < length; ) {
    const end = lastFitting(entries, from, level, fillBytes, guess);
    guess = end - from;
    from = end;
    cuts.push(end);
  }
  const before = cuts[cuts.length - 3];
  if (before === undefined) return cuts;
  // What is left over for the last node may be a single entry.
  const both = measure(entries, before, length, level);
  const middle = lastFitting(entries, before, level, Math.min(both / 2, nodeBytes), guess);
  if (both <= nodeBytes) cuts.splice(-2, 1);
  else if (measure(entries, middle, length, level) <= nodeBytes) cuts[cuts.length - 2] = middle;
  return cuts;
}

/**
 * The furthest end of a node that begins with entry `from` and takes up to `bytes`, or holds one entry. Looks first around
 * `guess` entries, in steps that double: to measure is to go over all entries, and most nodes hold about as many as the
 * one before.
 */
function lastFitting(entries: Entries, from: number, level: number, bytes: number, guess: number): number {
  const fits = (end: number): boolean => measure(entries, from, end, level) <= bytes;
  let low = from + 1;
  // No entry takes less than its slot.
  let high = Math.min(entries.length, from + Math.ceil(bytes / layout.SLOT_BYTES));
  let at = Math.min(Math.max(from + guess, low + 1), high);
  for (let step = 1; low < high && at > low && at <= high; step *= 2) {
    if (fits(at)) {
      low = at;
      at = low + step;
    } else {
      high = at - 1;
      at = high - step;
    }
  }
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function setCuts(...values: number[]): readonly number[] {
  cuts.length = 0;
  cuts.push(...values);
  return cuts;
}

/** Cuts at equal steps of bytes, as measured in the shape of the whole, nudged to where separators get short. */
function cutInto(entries: Entries, level: number, parts: number): void {
  const { length } = entries;
  chooseShape(entries, 0, length, level);
  let total = 0;
  for (let i = 0; i < length; i++) total += entryBytes(entries, i, false);
  // A share of what a part holds, so that no part grows by much.
  const reach = Math.floor(length / parts / 16);
  setCuts(0);
  let sum = 0;
  let part = 1;
  for (let i = 0; i < length && part < parts; i++) {
    sum += entryBytes(entries, i, false);
    if (sum < (total * part) / parts) continue;
    // Every part keeps at least one entry, also behind this one.
    const cut = Math.min(Math.max(i + 1, cuts[part - 1] + 1), length - (parts - part));
    cuts.push(level === 0 ? shortestSeparator(entries, cut, cuts[part - 1] + 1, length - (parts - part), reach) : cut);
    part++;
  }
  cuts.push(length);
}

/** Of the cuts up to `reach` entries from the wanted one, that whose separator is shortest (Bayer and Unterauer, "Prefix B-Trees", 1977). */
function shortestSeparator(entries: Entries, wanted: number, least: number, most: number, reach: number): number {
  let best = wanted;
  let bestBytes = entries.commonBytes(wanted - 1, wanted);
  for (let cut = Math.max(least, wanted - reach); cut <= Math.min(most, wanted + reach); cut++) {
    const bytes = entries.commonBytes(cut - 1, cut);
    if (bytes < bestBytes) {
      best = cut;
      bestBytes = bytes;
    }
  }
  return best;
}

function allFit(entries: Entries, level: number, nodeBytes: number): boolean {
  for (let i = 1; i < cuts.length; i++) {
    if (cuts[i] <= cuts[i - 1]) return false;
    if (measure(entries, cuts[i - 1], cuts[i], level) > nodeBytes) return false;
  }
  return true;
}

/**
 * The separator in front of entry `cut`: for leaves, the shortest text that is behind the key before and not behind
 * the key at the cut; for branches the key itself, which moves up.
 */
export function separator(entries: Entries, cut: number, level: number, target: Key): Key {
  entries.readKey(cut, target);
  if (level === 0) target.setLength(entries.commonBytes(cut - 1, cut) + 1);
  return target;
}
