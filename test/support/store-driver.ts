import { Router } from '../../src/client/router.js';
import { openManifest } from '../../src/engines/cow-btree/layout.js';
import { Key, KeyEncoder } from '../../src/key.js';
import { type Manifest, shardDirectory } from '../../src/manifest.js';
import { resolveOptions } from '../../src/options.js';
import { expectLog } from '../../src/recovery/new-shard.js';
import { settleGenerations } from '../../src/reshard/generations.js';
import { reshard } from '../../src/reshard/reshard.js';
import { type DriverOptions, ShardDriver } from './shard-driver.js';
import type { StoredLease } from './stored-leases.js';

export const STORE_DIRECTORY = '/store';

export interface StoreDriverOptions extends Omit<DriverOptions, 'shard' | 'storeId' | 'directory' | 'nodeBytes'> {
  /** As the option of a store: what it has, if left out. */
  readonly shards?: number | undefined;
}

/** A whole store in the calling thread: opened by the steps that a real one is opened by, its shards moved by hand. */
export class StoreDriver {
  readonly manifest: Manifest;
  readonly shards: readonly ShardDriver[];
  readonly #router: Router;
  readonly #encoder = new KeyEncoder();

  private constructor(manifest: Manifest, shards: readonly ShardDriver[]) {
    this.manifest = manifest;
    this.shards = shards;
    this.#router = new Router(manifest.hashSeed, manifest.shards);
  }

  /** `STORE_DIRECTORY` is there. */
  static open(options: StoreDriverOptions): StoreDriver {
    const { files, shards: wanted, memoryBytes = 1 << 20 } = options;
    const directory = STORE_DIRECTORY;
    const resolved = resolveOptions({
      engine: 'cow-btree',
      directory,
      ...(wanted === undefined ? {} : { shards: wanted }),
    });
    const known = openManifest(files, { ...resolved, nodeBytes: 2048 }, 1);
    const shardsMax = Math.max(known.shards, wanted ?? 0);
    const order = {
      directory,
      manifest: known,
      shards: wanted ?? known.shards,
      memoryBytesMax: memoryBytes * shardsMax,
    };
    const manifest = order.shards === known.shards ? known : reshard(files, order, () => {});
    const storeId = Uint8Array.from(Buffer.from(manifest.storeId, 'hex'));
    const drivers = Array.from({ length: manifest.shards }, (_, shard) => {
      const own = { shard, storeId, directory: shardDirectory(directory, manifest.generation, shard) };
      return new ShardDriver({ ...options, ...own });
    });
    const found = drivers.map((driver) => driver.recover());
    for (const [shard, { epoch }] of found.entries()) expectLog(directory, shard, epoch);
    settleGenerations(files, directory, manifest);
    const lastStoreMs = Math.max(...found.map((shard) => shard.lastStoreMs));
    for (const [i, driver] of drivers.entries()) driver.start({ ...found[i], lastStoreMs });
    return new StoreDriver(manifest, drivers);
  }

  /** The shard that a key (`type/id`) belongs to. */
  shardOf(key: string): ShardDriver {
    const slash = key.indexOf('/');
    const actor = { type: key.slice(0, slash), id: key.slice(slash + 1) };
    return this.shards[this.#router.shardOf(this.#encoder.encode(new Key(), actor))];
  }

  /** Lets all shards work until nothing is left to do, and the disk have what they wrote. */
  settle(): void {
    for (const shard of this.shards) {
      shard.settle();
      shard.syncInBackground();
      shard.settle();
    }
  }

  /** What readers see, after a check that every shard is sound and holds nothing but its own. */
  leases(): Map<string, StoredLease> {
    const all = new Map<string, StoredLease>();
    for (const shard of this.shards) {
      for (const [key, lease] of shard.leases()) {
        if (this.shardOf(key) !== shard) throw new Error(`${key} is not where it is looked for`);
        all.set(key, lease);
      }
    }
    return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  close(): void {
    for (const shard of this.shards) shard.close();
  }
}
