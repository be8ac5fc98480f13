import type { FileSystem } from '../io/file-system.js';
import { NodeAllocator } from '../memory/allocator.js';
import type { Commits } from '../memory/commits.js';
import type { Commit } from '../memory/control.js';
import type { Slabs } from '../memory/slabs.js';
import { LeaseTable } from '../table/lease-table.js';
import { LEASES, NAMES, OWNERS } from '../tree/kinds.js';
import { reachTree } from '../tree/reach.js';
import { scanWal, type WalScan } from '../wal/reader.js';
import type { LogOwner } from '../wal/segment.js';
import { checkCommit } from './check.js';
import { NodeSet } from '../memory/node-set.js';
import { Replay } from './replay.js';

export interface ResumeOptions {
  readonly files: FileSystem;
  /** Directory of the shard. */
  readonly directory: string;
  readonly owner: LogOwner;
  readonly slabs: Slabs;
  readonly commits: Commits;
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
  const { files, directory, owner, slabs, commits } = options;
  const { published } = commits;
  const live = new NodeSet();
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
  // No token beyond the published commit and the log behind it was ever seen, whatever the ceiling.
  const replay = new Replay(table, slabs, allocator, published.token);
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

/**
 * The nodes that only older commits need, by the youngest pinned commit that does.
 *
 * A reader that lost its core between reading `current` and pinning it may have its pin on a slot that is in other hands
 * by now, and finds out when it goes on. A slot that was being filled names a commit that was never published; of one
 * whose turn is over, the nodes may be another commit's. Neither is what anybody reads.
 */
function heldByReaders(slabs: Slabs, commits: Commits, reach: (id: number) => boolean): ReadonlyMap<number, number[]> {
  const held = new Map<number, number[]>();
  const { commit: published } = commits.published;
  const older = commits.pinned().filter(({ commit }) => commit < published);
  for (const pinned of older.sort((a, b) => b.commit - a.commit)) {
    const nodes: number[] = [];
    reachCommit(slabs, pinned, (id) => {
      const isNew = reach(id);
      if (isNew) nodes.push(id);
      return isNew;
    });
    if (nodes.length > 0) held.set(pinned.commit, nodes);
  }
  return held;
}

function reachCommit(slabs: Slabs, pinned: Commit, reach: (id: number) => boolean): void {
  const { commit, leases, owners, names } = pinned;
  reachTree(slabs, LEASES, leases, commit, reach);
  reachTree(slabs, OWNERS, owners, commit, reach);
  reachTree(slabs, NAMES, names, commit, reach);
}
