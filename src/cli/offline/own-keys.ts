import type { Router } from '../../client/router.js';
import { LeaseStoreError } from '../../errors.js';
import { Key } from '../../key.js';
import { nameOf } from '../../salvage/replay.js';
import { Cursor } from '../../tree/cursor.js';
import type { LoadedShard, ShardFiles } from './store-files.js';

/** Each lease lies in the shard that its key belongs to, or nobody would find it. Throws ERR_HOLDFAST_CORRUPT. */
export function expectOwnKeys(
  router: Router,
  { slabs, recovered }: LoadedShard,
  { shard, directory }: ShardFiles,
): void {
  const cursor = new Cursor(slabs).start(recovered.table.roots.leases, undefined, undefined, false);
  const key = new Key();
  while (cursor.nextRun()) {
    for (let slot = cursor.low; slot < cursor.high; slot++) {
      const home = router.shardOf(cursor.leaf.readKey(slot, key));
      if (home === shard) continue;
      throw new LeaseStoreError(
        'ERR_HOLDFAST_CORRUPT',
        `${directory} holds ${JSON.stringify(nameOf(key))}, which belongs to shard ${home}`,
      );
    }
  }
}
