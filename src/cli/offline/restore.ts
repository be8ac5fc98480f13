import { Router } from '../../client/router.js';
import { fillNewDirectory } from '../../io/new-directory.js';
import { NewStore } from '../../recovery/new-store.js';
import { tokenFloorOfCopy } from '../../recovery/new-shard.js';
import { expectOwnKeys } from './own-keys.js';
import { loadShard, reserveForShard, type StoreFiles, withStoreFiles } from './store-files.js';

/**
 * `holdfast restore`: makes a store of a backup, or of any store that is not open, after all of it was found good. The
 * new store has an id of its own, and a token floor above everything that the original can have handed out since.
 */
export function restore(backup: string, target: string): Promise<number> {
  return withStoreFiles(backup, async (store) => {
    const { leases, tokenFloor } = await fillNewDirectory(store.files, target, () => copyInto(target, store));
    console.log(
      `${target}: restored, ${leases.toLocaleString('en')} leases, tokens above ${tokenFloor}. ` +
        'Do not open it beside its original for the same actors',
    );
    return 0;
  });
}

function copyInto(target: string, store: StoreFiles): { leases: number; tokenFloor: number } {
  const { files, manifest, shards } = store;
  const wallMs = Date.now();
  const made = new NewStore(files, target, manifest, wallMs);
  const router = new Router(manifest.hashSeed, manifest.shards);
  const slabs = reserveForShard(manifest.nodeBytes);
  let leases = 0;
  let highest = 0;
  for (const shard of shards) {
    const loaded = loadShard(store, shard, slabs);
    const { table, lsn, lastStoreMs, tokenFloor } = loaded.recovered;
    expectOwnKeys(router, loaded, shard);
    made.add({ slabs, table, lsn, storeMs: lastStoreMs });
    leases += table.leases.count;
    highest = Math.max(highest, tokenFloor);
  }
  const tokenFloor = tokenFloorOfCopy(highest, wallMs);
  made.finish(tokenFloor);
  return { leases, tokenFloor };
}
