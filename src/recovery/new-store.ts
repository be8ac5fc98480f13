import { randomBytes } from 'node:crypto';
import { FORMAT_VERSION } from '../../native-layout/format.js';
import { ensureDirectory } from '../io/ensure-directory.js';
import type { FileSystem } from '../io/file-system.js';
import { type Manifest, shardDirectory, writeManifest } from '../manifest.js';
import type { Slabs } from '../memory/slabs.js';
import type { LeaseTable } from '../table/lease-table.js';
import { startLog } from './new-shard.js';
import { NOTHING_BESIDE, writeCheckpoint } from './save.js';

/** What a store may be made with; the rest of its manifest is new. */
export type StoreShape = Pick<Manifest, 'hashSeed' | 'shards' | 'nodeBytes' | 'valueEncoding'>;

/** What a new shard begins with. */
export interface ShardContent {
  readonly slabs: Slabs;
  readonly table: LeaseTable;
  readonly lsn: number;
  readonly storeMs: number;
}

const GENERATION = 1;

/**
 * Makes a store of leases that are in memory, a shard at a time, in a directory that the caller saw to. The manifest
 * comes last: until then there is no store.
 */
export class NewStore {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #manifest: Manifest;
  readonly #storeId = Uint8Array.from(randomBytes(16));
  /** Of each shard that was written: where its log goes on. */
  readonly #logs: { readonly lsn: number; readonly storeMs: number }[] = [];

  constructor(files: FileSystem, directory: string, shape: StoreShape, wallMs: number) {
    const { hashSeed, shards, nodeBytes, valueEncoding } = shape;
    this.#files = files;
    this.#directory = directory;
    this.#manifest = {
      format: FORMAT_VERSION,
      engine: 'cow-btree',
      storeId: Buffer.from(this.#storeId).toString('hex'),
      hashSeed,
      shards,
      nodeBytes,
      valueEncoding,
      generation: GENERATION,
      createdAt: new Date(wallMs).toISOString(),
    };
  }

  /** Writes the next shard's leases. */
  add({ slabs, table, lsn, storeMs }: ShardContent): void {
    const { directory, owner } = this.#shard(this.#logs.length);
    ensureDirectory(this.#files, directory);
    // LSN 0 is that of no record.
    const commit = { ...table.roots, commit: 0, lsn: Math.max(lsn, 1), storeMs: Math.ceil(storeMs), token: 0 };
    writeCheckpoint(this.#files, directory, owner, slabs, commit, NOTHING_BESIDE);
    this.#logs.push({ lsn: commit.lsn, storeMs: commit.storeMs });
  }

  /** Makes it a store, of which no shard will hand out a token up to `tokenFloor`. */
  finish(tokenFloor: number): void {
    this.#logs.forEach(({ lsn, storeMs }, shard) => {
      const { directory, owner } = this.#shard(shard);
      startLog(this.#files, directory, owner, lsn, storeMs, tokenFloor);
    });
    writeManifest(this.#files, this.#directory, this.#manifest);
  }

  #shard(shard: number) {
    return { directory: shardDirectory(this.#directory, GENERATION, shard), owner: { storeId: this.#storeId, shard } };
  }
}
