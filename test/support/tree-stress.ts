import { parentPort, workerData } from 'node:worker_threads';
import { LEASE_WORDS, RENEWALS, SESSION_REF, TTL } from '../../native-layout/lease-record.js';
import { Key, putRef } from '../../src/key.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Commits } from '../../src/memory/commits.js';
import { type Commit, Control, readCommit } from '../../src/memory/control.js';
import { PinRow } from '../../src/memory/pins.js';
import { Slabs, type SlabsHandle } from '../../src/memory/slabs.js';
import { Cursor } from '../../src/tree/cursor.js';
import { LEASES } from '../../src/tree/kinds.js';
import { Node } from '../../src/tree/node.js';
import { Tree } from '../../src/tree/tree.js';
import { Random } from './tree-random.js';

/*
 * The threads of readers-stress.test.ts. Every entry carries a seal over its key, the commit that wrote it and a random
 * word; every commit carries its number of entries and the exclusive or of their seals; and every commit rewrites the
 * same few keys with its own number. A reader that met a node of any other commit, or one torn or freed under it,
 * cannot find all three right.
 */

export interface StressData {
  readonly role: 'writer' | 'reader';
  readonly control: SharedArrayBuffer;
  readonly slabs: SlabsHandle;
  /** Words: see {@link STOP} and those after it. */
  readonly shared: SharedArrayBuffer;
  readonly seed: number;
  readonly row: number;
}

export const STOP = 0;
export const COMMITS = 1;
export const READS = 2;
export const WALKS = 3;
export const RESUMED = 4;
export const OUSTED = 5;
export const SHARED_WORDS = 6;

const KEYS = 1500;
/** Every STAMPED_EVERY-th key is written by every commit. */
const STAMPED_EVERY = 30;
/** Payload words of a lease that tree code takes no interest in. */
const WRITTEN_BY = TTL;
const NOISE = SESSION_REF;
const SEAL = RENEWALS;

function stressKey(key: Key, number: number): Key {
  putRef(key.bytes, Math.imul(number, 0x9e3779b1) >>> 0);
  putRef(key.bytes, number, 4);
  key.bytes.fill(0x61 + (number % 26), 8, 8 + (number % 40));
  return key.setLength(8 + (number % 40));
}

function numberOf(key: Key): number {
  return key.wordAt(4);
}

function seal(number: number, commit: number, noise: number): number {
  let h = Math.imul(number ^ 0x85ebca6b, 0xc2b2ae35) ^ Math.imul(commit, 0x27d4eb2f) ^ noise;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}

class Writer {
  readonly #random: Random;
  readonly #shared: Int32Array;
  readonly #commits: Commits;
  readonly #allocator: NodeAllocator;
  readonly #tree: Tree;
  readonly #key = new Key();
  readonly #payload = new Uint32Array(LEASE_WORDS + 20);
  #sum = 0;
  #second = 0;

  constructor(data: StressData) {
    const slabs = new Slabs(data.slabs);
    this.#random = new Random(data.seed);
    this.#shared = new Int32Array(data.shared);
    this.#commits = new Commits(new Control(data.control));
    this.#allocator = new NodeAllocator(slabs, 0);
    this.#tree = new Tree(LEASES, slabs, this.#allocator, 0, 0);
  }

  run(): void {
    while (Atomics.load(this.#shared, STOP) === 0) {
      this.#change();
      this.#publish();
      if (this.#random.chance(0.01)) this.#commits.oust(this.#second++, this.#random.chance(0.05));
    }
  }

  #change(): void {
    const random = this.#random;
    for (let number = 0; number < KEYS; number += STAMPED_EVERY) this.#put(number);
    const puts = random.chance(0.5) ? 0.7 : 0.3;
    for (let i = random.below(60); i > 0; i--) {
      const number = random.below(KEYS);
      if (random.chance(puts)) this.#put(number);
      else if (number % STAMPED_EVERY !== 0) this.#remove(number);
    }
  }

  #put(number: number): void {
    const tree = this.#tree;
    const payload = this.#payload;
    const found = tree.find(stressKey(this.#key, number));
    if (found) this.#sum ^= tree.payload[tree.payloadAt + SEAL];
    payload[WRITTEN_BY] = this.#allocator.commit;
    payload[NOISE] = this.#random.u32();
    payload[SEAL] = seal(number, payload[WRITTEN_BY], payload[NOISE]);
    this.#sum ^= payload[SEAL];
    // Mostly a renewal in place; now and then a payload of another size, which moves cells about.
    const words = found && this.#random.chance(0.9) ? tree.payloadWords : LEASE_WORDS + this.#random.below(20);
    if (!found) tree.insert(this.#key, payload, words);
    else if (words === tree.payloadWords) {
      tree.edit();
      for (let i = 0; i < words; i++) tree.payload[tree.payloadAt + i] = payload[i];
    } else tree.replace(this.#key, payload, words);
  }

  #remove(number: number): void {
    if (!this.#tree.find(stressKey(this.#key, number))) return;
    this.#sum ^= this.#tree.payload[this.#tree.payloadAt + SEAL];
    this.#tree.remove();
  }

  #publish(): void {
    const { root, count } = this.#tree;
    this.#commits.publish({
      commit: this.#allocator.commit,
      lsn: 0,
      storeMs: 0,
      leases: root,
      owners: 0,
      names: 0,
      leaseCount: count,
      ownerCount: 0,
      nameCount: 0,
      token: this.#sum >>> 0,
    });
    this.#allocator.published();
    this.#allocator.reclaim(this.#commits.scanPins().commits);
    Atomics.add(this.#shared, COMMITS, 1);
  }
}

class Reader {
  readonly #random: Random;
  readonly #shared: Int32Array;
  readonly #control: Control;
  readonly #pins: PinRow;
  readonly #slabs: Slabs;
  readonly #node: Node;
  readonly #key = new Key();
  /** Idle snapshots, with the commit that each must still show when it is taken up again. */
  readonly #idle: { pin: number; commit: Commit }[] = [];

  constructor(data: StressData) {
    this.#random = new Random(data.seed);
    this.#shared = new Int32Array(data.shared);
    this.#control = new Control(data.control);
    this.#pins = new PinRow(this.#control, data.row);
    this.#slabs = new Slabs(data.slabs);
    this.#node = new Node(this.#slabs);
  }

  run(): void {
    const random = this.#random;
    let last = 0;
    while (Atomics.load(this.#shared, STOP) === 0) {
      const pin = this.#pins.acquire();
      const commit = readCommit(this.#control, this.#pins.slot(pin));
      if (commit.commit < last) throw new Error(`commit ${commit.commit} seen after ${last}`);
      last = commit.commit;
      this.#walk(commit, random.chance(0.3));
      if (random.chance(0.5)) this.#lookUp(commit);
      if (random.chance(0.2) && this.#idle.length < 8) {
        this.#pins.rest(pin, random.below(50));
        this.#idle.push({ pin, commit });
      } else this.#pins.release(pin);
      if (this.#idle.length > 0 && random.chance(0.3)) this.#takeUp(random.below(this.#idle.length));
    }
  }

  /** An idle snapshot shows what it showed before, or says that it was ousted. */
  #takeUp(index: number): void {
    const { pin, commit } = this.#idle[index];
    if (!this.#pins.resume(pin)) {
      this.#pins.release(pin);
      this.#idle.splice(index, 1);
      Atomics.add(this.#shared, OUSTED, 1);
      return;
    }
    Atomics.add(this.#shared, RESUMED, 1);
    this.#walk(commit, false);
    this.#pins.rest(pin, this.#random.below(50));
  }

  /** Reads every entry of a commit. With `nested`, another commit is pinned and walked half-way through. */
  #walk(commit: Commit, nested: boolean): void {
    const cursor = new Cursor(this.#slabs).start(commit.leases, undefined, undefined, this.#random.chance(0.5));
    let sum = 0;
    let count = 0;
    let stamped = 0;
    while (cursor.nextRun()) {
      const { leaf, low, high } = cursor;
      for (let slot = low; slot < high; slot++) {
        const number = numberOf(leaf.readKey(slot, this.#key));
        sum ^= this.#readSeal(leaf, slot, number, commit);
        if (number % STAMPED_EVERY === 0) stamped++;
        count++;
      }
      if (nested && count > commit.leaseCount / 2) {
        nested = false;
        const pin = this.#pins.acquire();
        this.#walk(readCommit(this.#control, this.#pins.slot(pin)), false);
        this.#pins.release(pin);
      }
    }
    Atomics.add(this.#shared, READS, count);
    Atomics.add(this.#shared, WALKS, 1);
    const as = `commit ${commit.commit}`;
    if (count !== commit.leaseCount) throw new Error(`${count} entries of ${as}, which has ${commit.leaseCount}`);
    if (sum >>> 0 !== commit.token) throw new Error(`the seals of ${as} do not add up`);
    if (stamped !== Math.ceil(KEYS / STAMPED_EVERY)) throw new Error(`${stamped} stamped entries in ${as}`);
  }

  #lookUp(commit: Commit): void {
    for (let i = 0; i < 50; i++) {
      const number = this.#random.below(KEYS / STAMPED_EVERY) * STAMPED_EVERY;
      const node = this.#node.open(commit.leases);
      stressKey(this.#key, number);
      while (!node.isLeaf) node.open(node.child(node.childSlot(this.#key)));
      const slot = node.search(this.#key);
      if (slot < 0) throw new Error(`key ${number} missing from commit ${commit.commit}`);
      this.#readSeal(node, slot, number, commit);
    }
    Atomics.add(this.#shared, READS, 50);
  }

  #readSeal(leaf: Node, slot: number, number: number, commit: Commit): number {
    const { words } = leaf;
    const at = leaf.payloadAt(slot);
    const found = words[at + SEAL];
    const writtenBy = words[at + WRITTEN_BY];
    if (found !== seal(number, writtenBy, words[at + NOISE]))
      throw new Error(`key ${number}: broken seal in commit ${commit.commit}`);
    const stamped = number % STAMPED_EVERY === 0;
    if (stamped ? writtenBy !== commit.commit : writtenBy > commit.commit) {
      throw new Error(`key ${number}: written by commit ${writtenBy}, read in commit ${commit.commit}`);
    }
    return found;
  }
}

if (parentPort !== null) {
  const data = workerData as StressData;
  (data.role === 'writer' ? new Writer(data) : new Reader(data)).run();
}
