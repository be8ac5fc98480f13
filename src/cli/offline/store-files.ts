import { totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import { SEGMENT_HEADER_BYTES } from '../../../native-layout/wal-frame.js';
import { LeaseStoreError } from '../../errors.js';
import { lockDirectory } from '../../io/directory-lock.js';
import type { FileSystem } from '../../io/file-system.js';
import { errnoName } from '../../io/io-error.js';
import { nodeFileSystem } from '../../io/node-file-system.js';
import { type Manifest, readManifest, shardDirectory } from '../../manifest.js';
import { Slabs } from '../../memory/slabs.js';
import { type Recovered, recoverShard } from '../../recovery/recover.js';
import { decodeSegmentHeader, type LogOwner, listSegments } from '../../wal/segment.js';
import { UsageError } from '../usage.js';

/** The files of one shard of a store that is not open. */
export interface ShardFiles {
  readonly shard: number;
  readonly directory: string;
  readonly owner: LogOwner;
}

/** A store that is not open, to be looked at and left as it is. */
export interface StoreFiles {
  readonly files: FileSystem;
  readonly directory: string;
  readonly manifest: Manifest;
  readonly shards: readonly ShardFiles[];
}

/** One shard's leases in memory. */
export interface LoadedShard {
  readonly slabs: Slabs;
  readonly recovered: Recovered;
}

/**
 * Hands over a store while nobody else has it open, and nobody can open it. Nothing in it is changed but for the lock's
 * own file, which comes and goes.
 */
export async function withStoreFiles<T>(directory: string, look: (store: StoreFiles) => T | Promise<T>): Promise<T> {
  const files = nodeFileSystem();
  if (files.stat(directory)?.kind !== 'directory') throw new UsageError(`${directory} is no directory`);
  // Before anything is written into a directory that is none of ours, be it a lock.
  expectStore(readManifest(files, directory), directory);
  return whileLocked(directory, () => {
    const manifest = expectStore(readManifest(files, directory), directory);
    const storeId = Uint8Array.from(Buffer.from(manifest.storeId, 'hex'));
    const shards = Array.from({ length: manifest.shards }, (_, shard) => ({
      shard,
      directory: shardDirectory(directory, manifest.generation, shard),
      owner: { storeId, shard },
    }));
    return look({ files, directory, manifest, shards });
  });
}

/** Nobody else has the directory open meanwhile. On a file system that is mounted for reading, nobody can. */
export async function whileLocked<T>(directory: string, look: () => T | Promise<T>): Promise<T> {
  const lock = await lockDirectory(directory).catch((error: LeaseStoreError) => {
    if (errnoName(error.cause) === 'EROFS') return undefined;
    throw error;
  });
  try {
    return await look();
  } finally {
    await lock?.release();
  }
}

function expectStore(manifest: Manifest | undefined, directory: string): Manifest {
  if (manifest === undefined) throw new UsageError(`${directory} is empty: there is no store in it`);
  return manifest;
}

/**
 * Recovers a shard as opening does: newest good checkpoint, log, check of all trees. Throws what opening would throw.
 * Memory that is reserved here is found by the collector once nobody refers to it.
 */
export function loadShard(
  store: StoreFiles,
  shard: ShardFiles,
  slabs = reserveForShard(store.manifest.nodeBytes),
): LoadedShard {
  expectShardDirectory(store.files, shard);
  const recovered = recoverShard({
    files: store.files,
    directory: shard.directory,
    owner: shard.owner,
    slabs,
    onProgress: () => {},
    monotonicMs: () => performance.now(),
  });
  return { slabs, recovered };
}

/** Address space for any shard that this machine can hold. */
export function reserveForShard(nodeBytes: number): Slabs {
  return Slabs.reserve(nodeBytes, Math.floor(totalmem() * 0.75));
}

export function expectShardDirectory(files: FileSystem, { directory, shard }: ShardFiles): void {
  if (files.stat(directory)?.kind === 'directory') return;
  throw new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `${directory} is missing: it held shard ${shard}; restore a backup, or take what is left with "holdfast salvage"`,
  );
}

/** The LSN before the oldest one that the log on disk still tells of. */
export function logBegin({ files }: StoreFiles, { directory }: ShardFiles): number {
  const segments = listSegments(files, directory);
  // What lies before a hole was let go of, and is not read.
  let first = segments.length - 1;
  while (first > 0 && segments[first - 1].id === segments[first].id - 1) first--;
  if (first < 0) return 0;
  const { path } = segments[first];
  const file = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    const header = decodeSegmentHeader(path, bytes.subarray(0, file.read(bytes, 0, bytes.length, 0)));
    return typeof header === 'string' ? 0 : header.firstLsn - 1;
  } finally {
    file.close();
  }
}
