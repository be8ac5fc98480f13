import { TICK_NONE } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import { compareKeys, Key } from '../key.js';
import type { Slabs } from '../memory/slabs.js';
import type { TreeKind } from './kinds.js';
import { Node } from './node.js';
import { valueBytesMax } from './values.js';

/** What a walk over a whole tree found. */
export interface TreeReport {
  entries: number;
  leaves: number;
  branches: number;
  valueNodes: number;
  /** Bytes that count, of all leaves and branches. */
  usedBytes: number;
  levels: number;
}

/** A tree that is not what it must be: says which node and why. */
export class TreeDamage extends Error {
  override readonly name = 'TreeDamage';
  constructor(tree: string, id: number, why: string) {
    super(`${tree} tree, node ${id}: ${why}`);
  }
}

/**
 * Walks a whole tree and proves its invariants: kinds and levels, order and bounds of keys, counts, bounds on
 * deadlines, fit of every cell, and that no node is met twice. `reach` is told every node; it answers `false` for one
 * that it was told before. `onLeaf` hears every leaf that is sound in itself, in order.
 *
 * @throws TreeDamage on the first node that breaks one
 */
export function checkTree(
  slabs: Slabs,
  kind: TreeKind,
  root: number,
  reach: (id: number) => boolean,
  onLeaf?: (leaf: Node) => void,
): TreeReport {
  const report: TreeReport = { entries: 0, leaves: 0, branches: 0, valueNodes: 0, usedBytes: 0, levels: 0 };
  if (root === layout.NIL) return report;
  new Checker(slabs, kind, reach, report, onLeaf).run(root);
  return report;
}

interface Found {
  below: number;
  earliest: number;
}

class Checker {
  readonly #slabs: Slabs;
  readonly #kind: TreeKind;
  readonly #reach: (id: number) => boolean;
  readonly #report: TreeReport;
  readonly #onLeaf: ((leaf: Node) => void) | undefined;
  readonly #value: Node;
  readonly #first: Node;
  readonly #separators: [Key, Key][] = [];
  readonly #key = new Key();
  /** The last key met, in order, and whether there was one. */
  readonly #last = new Key();
  #any = false;

  constructor(
    slabs: Slabs,
    kind: TreeKind,
    reach: (id: number) => boolean,
    report: TreeReport,
    onLeaf: ((leaf: Node) => void) | undefined,
  ) {
    this.#slabs = slabs;
    this.#kind = kind;
    this.#reach = reach;
    this.#report = report;
    this.#onLeaf = onLeaf;
    this.#value = new Node(slabs);
    this.#first = new Node(slabs);
  }

  run(root: number): void {
    this.#expect(root < this.#slabs.capacity, root, 'no such node');
    const level = new Node(this.#slabs).open(root).level;
    this.#expect(level < 24, root, `level ${level}`);
    this.#report.levels = level + 1;
    this.#report.entries = this.#visit(root, level, undefined).below;
  }

  /** `upper`: a key that all keys below must be before. */
  #visit(id: number, level: number, upper: Key | undefined): Found {
    this.#expect(id > 0 && id < this.#slabs.capacity, id, 'no such node');
    this.#expect(this.#reach(id), id, 'reached twice');
    const node = new Node(this.#slabs).open(id);
    const { words, at, count } = node;
    this.#expect(node.kind === (level === 0 ? layout.LEAF : layout.BRANCH), id, `kind ${node.kind} at level ${level}`);
    this.#expect(node.level === level, id, `level ${node.level}, not ${level}`);
    this.#expect(node.tree === this.#kind.id, id, `belongs to tree ${node.tree}`);
    this.#expect(words[at + layout.SELF] === id, id, `names itself ${words[at + layout.SELF]}`);
    this.#expect(count > 0, id, 'empty');
    this.#checkSpace(node);
    this.#report.usedBytes += node.usedBytes;
    return level === 0 ? this.#leaf(node, upper) : this.#branch(node, level, upper);
  }

  /** Cells and prefix lie within the node, behind the slots, and add up to what the header says. */
  #checkSpace(node: Node): void {
    const { words, at, count, id } = node;
    const { nodeBytes } = this.#slabs;
    const heap = words[at + layout.HEAP_START];
    const prefix = node.prefixBytes;
    const slotsEnd = layout.NODE_HEADER_BYTES + count * layout.SLOT_BYTES;
    this.#expect(
      count <= nodeBytes / layout.SLOT_BYTES && slotsEnd <= heap && heap <= nodeBytes,
      id,
      'slots and cells overlap',
    );
    this.#expect(prefix <= nodeBytes - heap, id, 'prefix out of bounds');
    let living = (prefix + 3) & ~3;
    for (let slot = 0; slot < count; slot++) {
      const loc = node.loc(slot);
      const size = layout.cellWords(layout.suffixBytesOf(loc), layout.payloadWordsOf(loc)) * 4;
      const cell = layout.cellWordOf(loc) * 4;
      if (cell < heap || cell + size > nodeBytes) this.#fail(id, `cell of slot ${slot} out of bounds`);
      living += size;
    }
    const dead = words[at + layout.DEAD_BYTES];
    this.#expect(
      living + dead === nodeBytes - heap,
      id,
      `cells take ${living} and ${dead} dead bytes of ${nodeBytes - heap}`,
    );
  }

  #leaf(node: Node, upper: Key | undefined): Found {
    this.#report.leaves++;
    const { count } = node;
    const first = node.readKey(0, this.#key);
    this.#expect(!this.#any || compareKeys(this.#last, first) < 0, node.id, 'first key out of order');
    let earliest = TICK_NONE;
    for (let slot = 0; slot < count; slot++) {
      if (slot > 0 && node.compareSlots(slot - 1, slot) >= 0) this.#fail(node.id, `key of slot ${slot} out of order`);
      const at = node.payloadAt(slot);
      earliest = Math.min(earliest, this.#kind.tick(node.words, at));
      const size = node.payloadWords(slot);
      const value = this.#kind.valueNode(node.words, at, size);
      if (value !== layout.NIL) this.#valueChain(value, this.#kind.valueBytes(node.words, at));
    }
    node.readKey(count - 1, this.#last);
    this.#any = true;
    this.#expect(upper === undefined || compareKeys(this.#last, upper) < 0, node.id, 'last key reaches past its bound');
    this.#onLeaf?.(node);
    return { below: count, earliest };
  }

  #valueChain(first: number, bytes: number): void {
    const node = this.#value;
    let left = bytes;
    for (let id = first; id !== layout.NIL; id = node.words[node.at + layout.VALUE_NEXT]) {
      this.#expect(id < this.#slabs.capacity, id, 'no such value node');
      this.#expect(this.#reach(id), id, 'value node reached twice');
      node.open(id);
      this.#expect(node.kind === layout.VALUE, id, `kind ${node.kind} in a chain of values`);
      const here = node.words[node.at + layout.VALUE_BYTES];
      const due = Math.min(left, valueBytesMax(this.#slabs.nodeBytes));
      this.#expect(here > 0 && here === due, id, `${here} bytes of a value where ${due} are due`);
      left -= here;
      this.#report.valueNodes++;
    }
    this.#expect(left === 0, first, `a value that ends ${left} bytes early`);
  }

  #branch(node: Node, level: number, upper: Key | undefined): Found {
    this.#report.branches++;
    const sum: Found = { below: 0, earliest: TICK_NONE };
    // The bound of one child is the separator of the next: two keys in turn serve a whole level.
    const [even, odd] = this.#separatorsOf(level);
    for (let slot = 0; slot < node.count; slot++) {
      const [separator, next] = (slot & 1) === 0 ? [even, odd] : [odd, even];
      if (slot > 0) {
        this.#expect(
          compareKeys(this.#last, separator) < 0,
          node.id,
          `separator of slot ${slot} not behind the keys before it`,
        );
        this.#last.copyFrom(separator);
        // The separator itself may be a key: step just in front of it.
        this.#any = false;
      }
      const bound = slot + 1 < node.count ? node.readKey(slot + 1, next) : upper;
      const found = this.#visit(node.child(slot), level - 1, bound);
      if (slot > 0) this.#firstNotBefore(node.child(slot), separator);
      this.#expect(
        found.below === node.below(slot),
        node.id,
        `slot ${slot} counts ${node.below(slot)} below, found ${found.below}`,
      );
      this.#expect(
        node.earliest(slot) <= found.earliest,
        node.id,
        `bound of slot ${slot} is later than a deadline below`,
      );
      sum.below += found.below;
      sum.earliest = Math.min(sum.earliest, node.earliest(slot));
    }
    return sum;
  }

  #separatorsOf(level: number): readonly [Key, Key] {
    this.#separators[level] ??= [new Key(), new Key()];
    return this.#separators[level];
  }

  /** The first key below a child is not before the child's separator. */
  #firstNotBefore(child: number, separator: Key): void {
    const node = this.#first.open(child);
    while (!node.isLeaf) node.open(node.child(0));
    this.#expect(compareKeys(separator, node.readKey(0, this.#key)) <= 0, child, 'first key before its separator');
  }

  #expect(condition: boolean, id: number, why: string): void {
    if (!condition) this.#fail(id, why);
  }

  #fail(id: number, why: string): never {
    throw new TreeDamage(this.#kind.name, id, why);
  }
}
