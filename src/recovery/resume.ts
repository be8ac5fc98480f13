import type { FileSystem } from '../io/file-system.js';
import { NodeAllocator } from '../memory/allocator.js';
import type { Commits } from '../memory/commits.js';
import type { Slabs } from '../memory/slabs.js';
import { LeaseTable, type Roots } from '../table/lease-table.js';
import { LEASES, NAMES, OWNERS } from '../tree/kinds.js';
import { reachTree } from '../tree/reach.js';
import { scanWal, type WalScan } from '../wal/reader.js';
import type { LogOwner } from '../wal/segment.js';
import { checkCommit, NodeSet } from './check.js';
import { Replay } from './replay.js';

export interface ResumeOptions {
  readonly files: FileSystem;
  /** Directory of the shard. */
  readonly directory: string;
  readonly owner: LogOwner;
  readonly slabs: Slabs;
  readonly commits: Commits;
  /** The highest token ceiling that the dead thread told of. */
  readonly tokenCeiling: number;
}

/** A shard's state, ready for a new writer. */
export interface Resumed {
  readonly allocator: NodeAllocator;
  readonly table: LeaseTable;
  readonly lsn: number;
  readonly tokenFloor: number;
  readonly lastStoreMs: number;
  readonly scan: WalScan;
}

/**
 * Takes a shard over whose thread died, in the memory that it left: the published commit is whole, whatever the thread
 * was doing, for it only ever wrote to nodes that no commit refers to. Every node that neither this commit nor one that
 * a reader holds can reach is free. What the thread had logged and not published is replayed on top, as part of the
 * commit that the new writer publishes first; until then readers may pin the old one, so nothing is let go of.
 *
 * Changes nothing on the disk, and nothing that readers see.
 *
 * @throws TreeDamage if the published commit does not hold together
 */
export function resumeShard(options: ResumeOptions): Resumed {
  const { files, directory, owner, slabs, commits, tokenCeiling } = options;
  const { published } = commits;
  const live = new NodeSet(slabs.capacity);
  let highest = 0;
  const reach = (id: number): boolean => {
    if (id > highest) highest = id;
    return live.add(id);
  };
  checkCommit(slabs, published, reach);
  const held = heldByReaders(slabs, commits, reach);
  const allocator = new NodeAllocator(slabs, published.commit);
  allocator.adopt((id) => live.has(id), highest, held);
  const table = new LeaseTable(slabs, allocator, published);
  const keepAll = (): void => {};
  const replay = new Replay(table, slabs, allocator, Math.max(published.token, tokenCeiling), keepAll);
  const scan = scanWal(files, directory, { ...owner, fromLsn: published.lsn, visitor: replay });
  return {
    allocator,
    table,
    lsn: scan.lastLsn,
    tokenFloor: replay.tokenFloor,
    lastStoreMs: Math.max(scan.lastStoreMs, published.storeMs),
    scan,
  };
}

/** The nodes that only older commits need, by the youngest pinned commit that does. */
function heldByReaders(slabs: Slabs, commits: Commits, reach: (id: number) => boolean): ReadonlyMap<number, number[]> {
  const held = new Map<number, number[]>();
  const youngestFirst = commits.pinned().sort((a, b) => b.commit - a.commit);
  for (const { commit, ...roots } of youngestFirst) {
    const nodes: number[] = [];
    reachCommit(slabs, roots, (id) => {
      const isNew = reach(id);
      if (isNew) nodes.push(id);
      return isNew;
    });
    if (nodes.length > 0) held.set(commit, nodes);
  }
  return held;
}

function reachCommit(slabs: Slabs, roots: Roots, reach: (id: number) => boolean): void {
  reachTree(slabs, LEASES, roots.leases, reach);
  reachTree(slabs, OWNERS, roots.owners, reach);
  reachTree(slabs, NAMES, roots.names, reach);
}
