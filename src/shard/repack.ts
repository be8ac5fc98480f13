import { Key } from '../key.js';
import type { Slabs } from '../memory/slabs.js';
import type { LeaseTable } from '../table/lease-table.js';
import { nodesPerRepack, repackDense } from '../tree/dense.js';
import type { Tree } from '../tree/tree.js';
import type { MemoryGuard } from './memory-guard.js';

/** Fewer imported leases than this are left as they came. */
const IMPORTED_MIN = 10_000;
/** And they must be a good part of all, or they hardly change how full nodes are. */
const IMPORTED_SHARE = 1 / 8;
/** No request for so long: an import is over, and nobody is kept waiting. */
const QUIET_MS = 50;
/** In a shard that is never quiet, a slice so often: it takes some milliseconds. */
const BUSY_EVERY_MS = 500;

/**
 * Packs the trees densely after a large import: leases that came in random order leave leaves about 70 % full, and what was
 * brought in one go is mostly there to stay. It goes over the leases and then the owners, the leaves below one branch at
 * a time; between two slices anything may change. What a slice changes is where entries lie, so nothing is logged.
 */
export class Repack {
  readonly #slabs: Slabs;
  readonly #table: LeaseTable;
  readonly #memory: MemoryGuard;
  readonly #nowMs: () => number;
  #imported = 0;
  #dueMs = Number.POSITIVE_INFINITY;
  /** Requests put the next slice off to here at most. */
  #latestMs = 0;
  /** Trees still to go over; the first one from the key on. */
  #left: Tree[] = [];
  #from = new Key();
  #next = new Key();

  /** `nowMs`: store time. */
  constructor(slabs: Slabs, table: LeaseTable, memory: MemoryGuard, nowMs: () => number) {
    this.#slabs = slabs;
    this.#table = table;
    this.#memory = memory;
    this.#nowMs = nowMs;
  }

  /** A lease was imported. What was begun in a pause of an import begins anew behind it. */
  imported(nowMs: number): void {
    this.#imported++;
    if (!this.#isMuch) return;
    this.#left = [];
    this.#dueMs = nowMs + QUIET_MS;
    this.#latestMs = nowMs + BUSY_EVERY_MS;
  }

  /** Requests came: waits for a quiet moment, if it has not waited long enough. */
  makeWay(nowMs: number): void {
    if (Number.isFinite(this.#dueMs)) this.#dueMs = Math.max(this.#dueMs, Math.min(nowMs + QUIET_MS, this.#latestMs));
  }

  /** Store time at which there is something to do. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Packs the leaves below one branch. Answers whether there was anything to pack. */
  slice(): boolean {
    if (this.#left.length === 0) this.#begin();
    const tree = this.#left[0];
    if (!this.#memory.hasPlenty(nodesPerRepack(this.#slabs.nodeBytes, tree.level))) {
      // Not worth a snapshot that would be ousted for it, nor a grant that would be refused.
      this.#end();
      return false;
    }
    const root = tree.root;
    const startedMs = this.#nowMs();
    const more = repackDense(tree, this.#slabs, this.#from, this.#next);
    const endedMs = this.#nowMs();
    // As long again is left to other threads: there may be fewer cores than shards. Where no quiet moment came, one is waited for.
    this.#dueMs = endedMs + (startedMs >= this.#latestMs ? QUIET_MS : endedMs - startedMs);
    this.#latestMs = endedMs + BUSY_EVERY_MS;
    [this.#from, this.#next] = [this.#next, this.#from];
    if (!more) {
      this.#left.shift();
      this.#from.setLength(0);
    }
    if (this.#left.length === 0) this.#end();
    return tree.root !== root;
  }

  #begin(): void {
    this.#left = [this.#table.leases, this.#table.owners];
    this.#from.setLength(0);
  }

  #end(): void {
    this.#left = [];
    this.#imported = 0;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  get #isMuch(): boolean {
    return this.#imported >= IMPORTED_MIN && this.#imported >= this.#table.leases.count * IMPORTED_SHARE;
  }
}
