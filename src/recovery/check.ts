import type { Slabs } from '../memory/slabs.js';
import type { Roots } from '../table/lease-table.js';
import { checkTree, TreeDamage, type TreeReport } from '../tree/check.js';
import { Agreement } from './agreement.js';
import { LEASES, NAMES, OWNERS } from '../tree/kinds.js';

/** What the trees of one commit look like. */
export interface CommitReport {
  readonly leases: TreeReport;
  readonly owners: TreeReport;
  readonly names: TreeReport;
}

/**
 * Checks all trees of one commit, that every lease is among those of its owner and that owner is named, and the other
 * way round, and the commit's counts. `reach` is told every node and answers `false` for one that it was told before.
 *
 * @throws TreeDamage
 */
export function checkCommit(slabs: Slabs, roots: Roots, reach: (id: number) => boolean): CommitReport {
  const agreement = new Agreement();
  const leases = checkTree(slabs, LEASES, roots.leases, reach, agreement.leaseLeaf);
  const owners = checkTree(slabs, OWNERS, roots.owners, reach, agreement.ownerLeaf);
  const names = checkTree(slabs, NAMES, roots.names, reach, agreement.nameLeaf);
  expectCount('leases', leases.entries, roots.leaseCount);
  expectCount('owners', owners.entries, roots.ownerCount);
  expectCount('names', names.entries, roots.nameCount);
  if (leases.entries !== owners.entries) {
    throw new TreeDamage('owners', roots.owners, `${owners.entries} entries for ${leases.entries} leases`);
  }
  const { contradiction } = agreement;
  if (contradiction !== undefined) throw new TreeDamage('owners', roots.owners, contradiction);
  return { leases, owners, names };
}

function expectCount(tree: string, found: number, counted: number): void {
  if (found !== counted) throw new TreeDamage(tree, 0, `${found} entries, the commit counts ${counted}`);
}
