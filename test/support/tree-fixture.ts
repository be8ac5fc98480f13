import * as lease from '../../native-layout/lease-record.js';
import { assert } from '../../src/assert.js';
import { Key } from '../../src/key.js';
import { KeyRun } from '../../src/tree/key-run.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Slabs } from '../../src/memory/slabs.js';
import { countRange, rank } from '../../src/tree/aggregate.js';
import { BulkLoader } from '../../src/tree/bulk-load.js';
import { checkTree, type TreeReport } from '../../src/tree/check.js';
import { Cursor } from '../../src/tree/cursor.js';
import { LEASES, NAMES, type TreeKind } from '../../src/tree/kinds.js';
import { Node } from '../../src/tree/node.js';
import { Tree } from '../../src/tree/tree.js';
import { inlineValueBytesMax, readValue, retireValue, storeValue } from '../../src/tree/values.js';
import type { Random } from './tree-random.js';

interface Entry {
  readonly key: Uint8Array;
  readonly payload: Uint32Array;
  /** The value kept in nodes of its own, if there is one. */
  readonly value: Uint8Array | undefined;
}

/**
 * One tree beside a plain sorted map that must always agree with it. Keys of the map are the key bytes as latin1 text,
 * whose order is the order of the bytes.
 */
export class TreeFixture {
  readonly kind: TreeKind;
  readonly slabs: Slabs;
  readonly allocator: NodeAllocator;
  readonly tree: Tree;
  readonly model = new Map<string, Entry>();
  /** What the map held before the first change of the commit being built. */
  readonly #undo = new Map<string, Entry | undefined>();
  #root = 0;
  #count = 0;
  readonly #node: Node;
  readonly #key = new Key();

  constructor(kind: TreeKind, nodeBytes: number, memoryBytes: number) {
    this.kind = kind;
    this.slabs = Slabs.reserve(nodeBytes, memoryBytes);
    this.allocator = new NodeAllocator(this.slabs, 0);
    this.tree = new Tree(kind, this.slabs, this.allocator, 0, 0);
    this.#node = new Node(this.slabs);
  }

  /** Inserts, replaces or, if the size stays, edits in place. */
  put(bytes: Uint8Array, random: Random): void {
    const { tree } = this;
    const key = this.#key.setBytes(bytes);
    const found = random.chance(0.3) ? tree.findForEdit(key) : tree.find(key);
    assert(found === this.model.has(nameOf(bytes)), `find says ${found} for ${nameOf(bytes)}`);
    if (found) this.#retireValue();
    const entry = this.#randomEntry(bytes, random);
    const { payload } = entry;
    if (!found) tree.insert(key, payload, payload.length);
    else if (tree.payloadWords === payload.length) {
      tree.edit();
      tree.payload.set(payload, tree.payloadAt);
      tree.lowerBound(this.kind.tick(payload, 0));
    } else tree.replace(key, payload, payload.length);
    this.#remember(nameOf(bytes), entry);
  }

  remove(bytes: Uint8Array): void {
    const { tree } = this;
    const found = tree.find(this.#key.setBytes(bytes));
    assert(found === this.model.has(nameOf(bytes)), `find says ${found} for ${nameOf(bytes)}`);
    if (!found) return;
    this.#retireValue();
    tree.remove();
    this.#remember(nameOf(bytes), undefined);
  }

  /** Removes those of the keys that are there, leaf by leaf. */
  removeAll(all: readonly Uint8Array[]): void {
    const { tree } = this;
    const names = new Set(all.map(nameOf));
    const there = [...names].filter((name) => this.model.has(name)).sort();
    const keys = new KeyRun();
    for (const name of there) keys.add().setBytes(Buffer.from(name, 'latin1'));
    for (let next = 0; next < keys.length; ) {
      const from = next;
      let seen = from;
      next = tree.removeRun(keys, from, (index, words, at, size) => {
        equal(index, seen++, 'key visited');
        const value = this.kind.valueNode(words, at, size);
        if (value !== 0) retireValue(this.#node, this.allocator, value);
      });
      assert(next > from && next === seen, `a run from ${from} to ${next}, ${seen - from} visited`);
    }
    for (const name of there) this.#remember(name, undefined);
  }

  /** Bulk-loads an empty tree. */
  load(keys: readonly Uint8Array[], random: Random): void {
    const loader = new BulkLoader(this.kind, this.slabs, this.allocator);
    const byName = new Map(keys.map((key) => [nameOf(key), key]));
    for (const [name, bytes] of [...byName].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const entry = this.#randomEntry(bytes, random);
      loader.add(this.#key.setBytes(bytes), entry.payload, entry.payload.length);
      this.#remember(name, entry);
    }
    this.tree.reset(loader.finish(), loader.count);
  }

  /** Publishes as the writer does; nobody reads, so all that was retired is free at once. */
  commit(): void {
    this.allocator.published();
    this.allocator.reclaim([]);
    this.#root = this.tree.root;
    this.#count = this.tree.count;
    this.#undo.clear();
  }

  rollback(): void {
    this.allocator.rollback();
    this.tree.reset(this.#root, this.#count);
    for (const [name, entry] of this.#undo) {
      if (entry === undefined) this.model.delete(name);
      else this.model.set(name, entry);
    }
    this.#undo.clear();
  }

  /** Proves the tree sound and equal to the model, and every node either in it or free. Call after a commit. */
  verify(random: Random): TreeReport {
    const reached = new Set<number>();
    const report = checkTree(
      this.slabs,
      this.kind,
      this.tree.root,
      (id) => !reached.has(id) && reached.add(id) !== undefined,
    );
    equal(report.entries, this.model.size, 'entries by check');
    equal(this.tree.count, this.model.size, 'entries by count');
    equal(this.allocator.allocated, reached.size, 'nodes in use');
    equal(this.allocator.retired, 0, 'nodes retired');
    this.#verifyFree(reached);
    const names = [...this.model.keys()].sort();
    this.#walk(names, undefined, undefined, false);
    for (let i = 0; i < 6; i++) this.#verifyRange(names, random);
    return report;
  }

  /** Takes every free node: each must be one that the tree does not use, and come once. */
  #verifyFree(reached: Set<number>): void {
    const { allocator } = this;
    const free = new Set<number>();
    const count = allocator.free;
    while (allocator.free > 0) free.add(allocator.allocate());
    allocator.rollback();
    equal(free.size, count, 'free nodes that differ');
    for (const id of free) assert(!reached.has(id), `node ${id} is both in use and free`);
  }

  #verifyRange(names: readonly string[], random: Random): void {
    const from = randomBound(names, random);
    const to = randomBound(names, random);
    const lower = from === undefined ? 0 : lowerBound(names, from);
    const upper = to === undefined ? names.length : lowerBound(names, to);
    const expected = names.slice(lower, Math.max(lower, upper));
    this.#walk(expected, from, to, false);
    this.#walk([...expected].reverse(), from, to, true);
    const fromKey = keyOf(from);
    const toKey = keyOf(to);
    equal(countRange(this.#node, this.tree.root, fromKey, toKey), expected.length, 'count of a range');
    equal(rank(this.#node, this.tree.root, toKey), upper, 'rank');
    const next = new Key();
    const any = this.tree.findNext(fromKey ?? new Key(), next);
    equal(any ? nameOf(next.toBytes()) : undefined, names[lower], 'the next key');
  }

  #walk(expected: readonly string[], from: string | undefined, to: string | undefined, reverse: boolean): void {
    const cursor = new Cursor(this.slabs).start(this.tree.root, keyOf(from), keyOf(to), reverse);
    const key = new Key();
    let met = 0;
    while (cursor.nextRun()) {
      const { leaf, low, high } = cursor;
      for (let i = 0; i < high - low; i++) {
        const slot = reverse ? high - 1 - i : low + i;
        const name = nameOf(leaf.readKey(slot, key).toBytes());
        equal(name, expected[met], `key ${met} of a walk`);
        this.#comparePayload(leaf, slot, this.model.get(name) as Entry);
        met++;
      }
    }
    equal(met, expected.length, 'length of a walk');
  }

  #comparePayload(leaf: Node, slot: number, entry: Entry): void {
    const { payload, value } = entry;
    equal(leaf.payloadWords(slot), payload.length, 'words of a payload');
    const at = leaf.payloadAt(slot);
    for (let i = 0; i < payload.length; i++) equal(leaf.words[at + i], payload[i], `word ${i} of a payload`);
    if (value === undefined) return;
    const first = payload[lease.VALUE_START];
    assert(Buffer.from(value).equals(readValue(this.#node, first, new Uint8Array(value.length))), 'value in nodes');
  }

  #randomEntry(key: Uint8Array, random: Random): Entry {
    const { kind } = this;
    if (kind !== LEASES)
      return { key, payload: randomWords(random, kind === NAMES ? random.between(1, 33) : 0), value: undefined };
    const inlineMax = inlineValueBytesMax(this.slabs.nodeBytes, lease.VALUE_START);
    const size = random.pick([0, 0, random.below(64), random.below(inlineMax + 1), inlineMax, random.below(4097)]);
    const payload = randomWords(
      random,
      size === 0 ? lease.LEASE_WORDS : lease.VALUE_START + ((Math.min(size, inlineMax) + 3) >>> 2),
    );
    lease.setU53(payload, lease.EXPIRES_AT, random.between(1, 1e6) * 1000);
    if (size <= inlineMax) {
      if (size > 0) payload[lease.VALUE_SIZE] = size;
      return { key, payload, value: undefined };
    }
    const value = new Uint8Array(size).map(() => random.u32());
    payload[lease.VALUE_SIZE] = (size | lease.VALUE_IN_NODES) >>> 0;
    payload[lease.VALUE_START] = storeValue(this.#node, this.allocator, kind.id, value);
    return { key, payload: payload.slice(0, lease.VALUE_START + 1), value };
  }

  #retireValue(): void {
    const { tree } = this;
    const first = this.kind.valueNode(tree.payload, tree.payloadAt, tree.payloadWords);
    if (first !== 0) retireValue(this.#node, this.allocator, first);
  }

  #remember(name: string, entry: Entry | undefined): void {
    if (!this.#undo.has(name)) this.#undo.set(name, this.model.get(name));
    if (entry === undefined) this.model.delete(name);
    else this.model.set(name, entry);
  }
}

export function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function keyOf(name: string | undefined): Key | undefined {
  return name === undefined ? undefined : new Key().setBytes(Buffer.from(name, 'latin1'));
}

/** A bound at, just before or just behind some key, or an open end. */
function randomBound(names: readonly string[], random: Random): string | undefined {
  if (names.length === 0 || random.chance(0.1)) return undefined;
  const name = random.pick(names);
  switch (random.below(4)) {
    case 0:
      return name;
    case 1:
      return name.slice(0, random.below(name.length + 1));
    case 2:
      return `${name.slice(0, 384)}\0`;
    default:
      return name.slice(0, -1) + String.fromCharCode(random.below(256));
  }
}

function lowerBound(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (names[middle] < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function randomWords(random: Random, count: number): Uint32Array {
  return new Uint32Array(count).map(() => random.u32());
}

function equal(actual: unknown, expected: unknown, what: string): void {
  assert(actual === expected, `${what}: ${String(actual)}, not ${String(expected)}`);
}
