import type { NodeAllocator } from '../memory/allocator.js';
import type { Commits } from '../memory/commits.js';
import { type LeaseTable, NODES_NEEDED_MAX } from '../table/lease-table.js';
import { VALUE_BYTES_MAX } from '../../native-layout/format.js';
import { AT, type Counters } from '../metrics/counters.js';

/** Retired nodes are looked through in lots: few enough that the nodes that come back are still in the second-level cache. */
const RECLAIM_LOT = 32;

/** The share of all nodes that growth leaves alone: renewals and releases copy nodes too, and so does a checkpoint. */
const RESERVE_SHARE = 1 / 8;

interface GuardParts {
  readonly allocator: NodeAllocator;
  readonly commits: Commits;
  readonly table: LeaseTable;
  readonly counters: Counters;
  readonly nowMs: () => number;
}

/** Keeps nodes back for what must go on when memory runs short, and takes freed ones in. */
export class MemoryGuard {
  readonly #p: GuardParts;
  readonly #reserve: number;
  #lookedMs = 0;
  #starvedFromMs = 0;

  constructor(parts: GuardParts) {
    this.#p = parts;
    this.#reserve = Math.ceil((parts.allocator.available + parts.allocator.allocated) * RESERVE_SHARE);
  }

  /** Before a group: sees to it that there are nodes for a change, if that can be had. */
  makeRoom(nowMs: number): void {
    this.#lookedMs = nowMs;
    if (!this.roomForAnother()) this.relieve();
    if (this.roomForAnother()) this.#starvedFromMs = nowMs;
  }

  /** How long there have been no nodes for any change, since readers hold them; 0 if there are. */
  get starvedMs(): number {
    return this.#lookedMs - this.#starvedFromMs;
  }

  /** Whether any one more change fits the commit being built. */
  roomForAnother(): boolean {
    const { allocator, table } = this.#p;
    const { available } = allocator;
    return available > NODES_NEEDED_MAX || available > table.nodesNeeded(VALUE_BYTES_MAX);
  }

  /** How many removals certainly fit the commit being built. */
  get roomForRemovals(): number {
    const { allocator, table } = this.#p;
    return Math.floor(allocator.available / table.nodesNeeded(0));
  }

  /** Whether a change that adds to what is stored may go on. */
  allowsGrowth(valueBytes: number): boolean {
    return this.#p.allocator.available > this.#reserve + this.#p.table.nodesNeeded(valueBytes);
  }

  /** Whether so many nodes can be taken for something that nobody needs, without anything that is needed coming short. */
  hasPlenty(nodes: number): boolean {
    return this.#p.allocator.available > 2 * this.#reserve + nodes;
  }

  /** After a publication: frees what no reader needs; when short of nodes, at the cost of idle snapshots. */
  afterPublish(): void {
    const { allocator, commits, counters } = this.#p;
    if (this.#short) this.relieve();
    else if (allocator.retired >= RECLAIM_LOT) allocator.reclaim(commits.scanPins().commits);
    const { allocated } = allocator;
    counters.set(AT.nodesAllocated, allocated);
    counters.set(AT.nodesFree, allocator.free);
    counters.set(AT.nodesRetired, allocator.retired);
    if (allocated > counters.get(AT.nodesPeak)) counters.set(AT.nodesPeak, allocated);
  }

  /** Short of nodes: frees those of readers that have ended, then those of idle snapshots. */
  relieve(): void {
    const { allocator, commits, counters } = this.#p;
    allocator.reclaim(commits.scanPins().commits);
    if (!this.#short || allocator.retired === 0) return;
    const ousted = commits.oust(0, true);
    counters.add(AT.snapshotsOusted, ousted);
    if (ousted > 0) allocator.reclaim(commits.scanPins().commits);
  }

  get #short(): boolean {
    return this.#p.allocator.available < 2 * this.#reserve;
  }

  /** Takes snapshots away that have rested past their deadline. */
  oustOverdue(): void {
    const { allocator, commits, counters, nowMs } = this.#p;
    const ousted = commits.oust(Math.floor(nowMs() / 1000), false);
    counters.add(AT.snapshotsOusted, ousted);
    if (ousted > 0) allocator.reclaim(commits.scanPins().commits);
  }
}
