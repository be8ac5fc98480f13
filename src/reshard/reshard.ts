import { LeaseStoreError } from '../errors.js';
import { Router } from '../client/router.js';
import type { FileSystem } from '../io/file-system.js';
import type { Progress } from '../lease-store.js';
import { generationDirectory, type Manifest, readManifest, shardDirectory, writeManifest } from '../manifest.js';
import { Slabs } from '../memory/slabs.js';
import { expectLog, writeNewShard } from '../recovery/new-shard.js';
import { type Recovered, recoverShard } from '../recovery/recover.js';
import { TableLoader } from '../table/table-loader.js';
import { inKeyOrder, LeaseStream } from './lease-stream.js';

/** A store to be given another number of shards, while nobody has it open. Plain data. */
export interface ReshardOrder {
  readonly directory: string;
  readonly manifest: Manifest;
  /** How many there shall be. */
  readonly shards: number;
  readonly memoryBytesMax: number;
}

interface OldShard {
  readonly slabs: Slabs;
  readonly recovered: Recovered;
}

/**
 * Writes all leases, spread over another number of shards, as the store's next generation, and then has the manifest
 * name that one. Up to that single rename the store is the old one, and from then on the new one; the generation that is
 * not in use is left for {@link settleGenerations}, but for one that could not be finished, which is removed at once.
 *
 * All leases are in memory twice meanwhile. Throws what recovery throws, before anything is changed;
 * `ERR_HOLDFAST_FULL` if the leases of a new shard do not fit its share of the memory, `ERR_HOLDFAST_DISK_FULL` and
 * `ERR_HOLDFAST_IO`, with the store as it was.
 */
export function reshard(files: FileSystem, order: ReshardOrder, onProgress: (progress: Progress) => void): Manifest {
  const { directory, manifest, shards } = order;
  const next: Manifest = { ...manifest, shards, generation: manifest.generation + 1 };
  const made = generationDirectory(directory, next.generation);
  const old = recoverAll(files, order, onProgress);
  try {
    const loaders = distribute(old, order, onProgress);
    // An attempt that was cut off may have left some of it.
    files.removeTree(made);
    writeShards(files, directory, next, old, loaders, onProgress);
    writeManifest(files, directory, next);
  } catch (error) {
    discard(files, directory, next.generation);
    throw explained(error, order);
  }
  return next;
}

/** Changes nothing. */
function recoverAll(files: FileSystem, order: ReshardOrder, onProgress: (progress: Progress) => void): OldShard[] {
  const { directory, manifest, memoryBytesMax } = order;
  const { nodeBytes, shards } = manifest;
  const phase = 'resharding: reading';
  return Array.from({ length: shards }, (_, shard) => {
    onProgress({ phase, done: shard, total: shards });
    const slabs = Slabs.reserve(nodeBytes, memoryBytesMax / shards);
    const recovered = recoverShard({
      files,
      directory: shardDirectory(directory, manifest.generation, shard),
      owner: { storeId: storeIdOf(manifest), shard },
      slabs,
      onProgress: () => {},
      monotonicMs: () => 0,
    });
    expectLog(directory, shard, recovered.scan.lastEpoch);
    return { slabs, recovered };
  });
}

const LEASES_PER_REPORT = 1 << 16;

/** Every lease goes to the shard that the new count routes it to. */
function distribute(
  old: readonly OldShard[],
  { directory, manifest, shards, memoryBytesMax }: ReshardOrder,
  onProgress: (progress: Progress) => void,
): TableLoader[] {
  const { hashSeed, nodeBytes } = manifest;
  const loaders = Array.from(
    { length: shards },
    () => new TableLoader(Slabs.reserve(nodeBytes, memoryBytesMax / shards)),
  );
  const before = new Router(hashSeed, manifest.shards);
  const after = new Router(hashSeed, shards);
  const total = old.reduce((sum, { recovered }) => sum + recovered.table.leases.count, 0);
  let done = 0;
  for (const lease of inKeyOrder(old.map(({ slabs, recovered }, i) => new LeaseStream(i, slabs, recovered.table)))) {
    const { key } = lease;
    if (before.shardOf(key) !== lease.shard) throw misplaced(directory, lease.shard);
    const shard = after.shardOf(key);
    const value = lease.distantValue;
    if (!loaders[shard].hasRoom(value?.length ?? 0)) throw full(shard, shards);
    loaders[shard].add(key, lease.words, lease.at, lease.size, lease.owner, value);
    if (done++ % LEASES_PER_REPORT === 0) onProgress({ phase: 'resharding: moving leases', done, total });
  }
  return loaders;
}

/** Complete shards, each on the disk: a checkpoint, and a log that goes on from it. */
function writeShards(
  files: FileSystem,
  directory: string,
  next: Manifest,
  old: readonly OldShard[],
  loaders: readonly TableLoader[],
  onProgress: (progress: Progress) => void,
): void {
  const highest = (of: (recovered: Recovered) => number) =>
    old.reduce((max, { recovered }) => Math.max(max, of(recovered)), 0);
  const begin = {
    commit: 1,
    // Of a log that began at 1, nobody could tell that there is a checkpoint before it.
    lsn: Math.max(
      1,
      highest(({ lsn }) => lsn),
    ),
    storeMs: highest(({ lastStoreMs }) => lastStoreMs),
    // A key may have been granted by any of the old shards.
    token: highest(({ tokenFloor }) => tokenFloor),
  };
  const storeId = storeIdOf(next);
  loaders.forEach((loader, shard) => {
    onProgress({ phase: 'resharding: writing', done: shard, total: next.shards });
    const own = shardDirectory(directory, next.generation, shard);
    writeNewShard(files, own, { storeId, shard }, loader.slabs, { ...begin, ...loader.finish() });
  });
}

/** Unless the manifest names it already: a failure may have come behind the rename. */
function discard(files: FileSystem, directory: string, generation: number): void {
  try {
    if (readManifest(files, directory)?.generation === generation) return;
    files.removeTree(generationDirectory(directory, generation));
  } catch {
    // Why it came to this is what the caller must hear. The next opening removes what is left.
  }
}

function storeIdOf({ storeId }: Manifest): Uint8Array {
  return Uint8Array.from(Buffer.from(storeId, 'hex'));
}

function explained(error: unknown, { directory, manifest, shards }: ReshardOrder): unknown {
  if (!(error instanceof LeaseStoreError)) return error;
  return new LeaseStoreError(
    error.code,
    `giving the store in ${directory} ${shards} shards instead of ${manifest.shards} failed: ${error.message}. ` +
      'Nothing is lost, and without the option shards the store opens as it is; to try again, see that there is room for ' +
      'as much again as it takes now, on the disk and in memory',
    { retryable: error.retryable, cause: error },
  );
}

function full(shard: number, shards: number): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_FULL',
    `the leases of shard ${shard} of ${shards} do not fit its share of memoryBytesMax; open with a larger one`,
  );
}

function misplaced(directory: string, shard: number): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `shard ${shard} holds a lease whose key belongs to another; run "holdfast verify ${directory}" to see which`,
  );
}
