import * as lease from '../../native-layout/lease-record.js';
import { Key } from '../key.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { LeaseStoreError } from '../errors.js';
import type { LeaseTable } from '../table/lease-table.js';
import { Cursor } from '../tree/cursor.js';

/** Changes between two local commits; nobody reads, so a commit only lets go of replaced nodes. */
const PER_COMMIT = 1000;

/**
 * Adds all leases of one table, which lies in `slabs`, to another; of two grants of a key the newer one stays. `letGo`
 * frees nodes that were replaced.
 */
export function mergeTable(from: LeaseTable, slabs: Slabs, to: LeaseTable, allocator: NodeAllocator): void {
  const letGo = () => {
    allocator.published();
    allocator.reclaim([]);
  };
  const cursor = new Cursor(slabs).start(from.roots.leases, undefined, undefined, false);
  const key = new Key();
  let changes = 0;
  while (cursor.nextRun()) {
    for (let slot = cursor.low; slot < cursor.high; slot++) {
      cursor.leaf.readKey(slot, key);
      from.find(key);
      const found = to.find(key);
      if (found && to.token >= from.token) continue;
      const { token, expiresAtMs, ttlMs, renewals, value } = from;
      if (allocator.available <= to.nodesNeeded(lease.LEASE_BYTES + (value?.length ?? 0))) throw full();
      const owner = from.names.nameOf(from.ownerRef);
      to.grant(key, found, owner, token, expiresAtMs, ttlMs, renewals, value);
      if (++changes % PER_COMMIT === 0) letGo();
    }
  }
  letGo();
}

function full(): LeaseStoreError {
  return new LeaseStoreError('ERR_HOLDFAST_FULL', 'the leases do not fit the memory of this machine; use a larger one');
}
