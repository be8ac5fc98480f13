import { listCheckpoints } from '../../checkpoint/files.js';
import { openCheckpoint } from '../../checkpoint/reader.js';
import { Router } from '../../client/router.js';
import { LeaseStoreError } from '../../errors.js';
import { scanWal } from '../../wal/reader.js';
import { expectOwnKeys } from './own-keys.js';
import {
  expectShardDirectory,
  loadShard,
  logBegin,
  type ShardFiles,
  type StoreFiles,
  withStoreFiles,
} from './store-files.js';

/**
 * `holdfast verify`: reads every checkpoint and the whole log, recovers each shard in memory, checks its trees, and that
 * each lease lies in the shard that its key belongs to. Damage is told by file, offset and reason; answers 1 if there is
 * any, even where a store would still open.
 */
export function verify(directory: string): Promise<number> {
  return withStoreFiles(directory, (store) => {
    const verifier = new Verifier(store);
    for (const shard of store.shards) verifier.shard(shard);
    if (verifier.faults === 0) {
      console.log(`${directory} is good: ${verifier.leases.toLocaleString('en')} leases`);
      return 0;
    }
    console.error(`${directory} is damaged: ${verifier.faults} fault${verifier.faults === 1 ? '' : 's'}, see above`);
    return 1;
  });
}

class Verifier {
  readonly #store: StoreFiles;
  readonly #router: Router;
  faults = 0;
  leases = 0;

  constructor(store: StoreFiles) {
    this.#store = store;
    this.#router = new Router(store.manifest.hashSeed, store.manifest.shards);
  }

  shard(shard: ShardFiles): void {
    if (!this.#holds(() => expectShardDirectory(this.#store.files, shard))) return;
    this.#checkpoints(shard);
    this.#log(shard);
    this.#holds(() => this.#recovery(shard));
  }

  #checkpoints({ directory, owner }: ShardFiles): void {
    const { files, manifest } = this.#store;
    for (const { path, cutLsn } of listCheckpoints(files, directory)) {
      this.#holds(() => {
        const reader = openCheckpoint(files, path, cutLsn, { ...owner, nodeBytes: manifest.nodeBytes });
        try {
          reader.readNodes(() => {});
        } finally {
          reader.close();
        }
        console.log(`${path}: good, ${reader.summary.images} nodes`);
      });
    }
  }

  /** All of the log that is there, also what no checkpoint needs any more. */
  #log(shard: ShardFiles): void {
    const { files } = this.#store;
    this.#holds(() => {
      const scan = scanWal(files, shard.directory, { ...shard.owner, fromLsn: logBegin(this.#store, shard) });
      for (const { path, frames, firstLsn, lastLsn } of scan.segments) {
        console.log(`${path}: good, ${frames} frames, LSN ${firstLsn} to ${lastLsn}`);
      }
      if (scan.torn === undefined) return;
      const { path, offset, bytes, reason } = scan.torn;
      console.log(`${path}: a crash left its end torn at byte ${offset} (${bytes} bytes, never promised): ${reason}`);
    });
  }

  #recovery(shard: ShardFiles): void {
    const loaded = loadShard(this.#store, shard);
    const { checkpoint, scan, replayed, report, damaged } = loaded.recovered;
    if (checkpoint === undefined && scan.segments.length === 0) {
      this.#fault(`shard ${shard.shard}: it has neither log nor checkpoint, and every shard is made with a log`);
    }
    expectOwnKeys(this.#router, loaded, shard);
    this.leases += report.leases.entries;
    const stood =
      damaged.length === 0 ? '' : '; the log stands in for damaged checkpoints, and the store can be opened';
    console.log(
      `shard ${shard.shard}: ${report.leases.entries} leases, ${replayed} log records replayed, trees hold together${stood}`,
    );
  }

  /** Whether a check found nothing wrong. */
  #holds(check: () => void): boolean {
    try {
      check();
      return true;
    } catch (error) {
      if (!(error instanceof LeaseStoreError)) throw error;
      this.#fault(`${error.code}: ${error.message}`);
      return false;
    }
  }

  #fault(why: string): void {
    this.faults++;
    console.error(why);
  }
}
