import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { FORMAT_VERSION, NODE_BYTES_DEFAULT } from '../../../native-layout/format.js';
import { LeaseStoreError } from '../../errors.js';
import { ensureDirectory } from '../../io/ensure-directory.js';
import type { FileSystem } from '../../io/file-system.js';
import { type Manifest, readManifest, shardDirectory, writeManifest } from '../../manifest.js';
import type { ResolvedOptions } from '../../options.js';

/** The store in a directory: the one that is there, or one that was made now. */
export function openManifest(
  files: FileSystem,
  options: ResolvedOptions,
  shardsByDefault: number,
): { manifest: Manifest; isNew: boolean } {
  const { directory } = options;
  const known = readManifest(files, directory);
  if (known === undefined) return { manifest: create(files, options, options.shards ?? shardsByDefault), isNew: true };
  for (let shard = 0; shard < known.shards; shard++) expectDirectory(files, directory, known, shard);
  if (options.shards !== undefined && options.shards !== known.shards) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      `options.shards must be ${known.shards}, as the store in ${directory} was made, or absent; got ${options.shards}. ` +
        'To change it, make a new store with the count that you want and migrate this one to it',
    );
  }
  if (known.valueEncoding !== options.valueEncoding) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      `options.valueEncoding must be '${known.valueEncoding}', as the store in ${directory} was made; got '${options.valueEncoding}'`,
    );
  }
  if (options.nodeBytes !== undefined && options.nodeBytes !== known.nodeBytes) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      `options.nodeBytes must be ${known.nodeBytes}, as the store in ${directory} was made, or absent; got ${options.nodeBytes}`,
    );
  }
  return { manifest: known, isNew: false };
}

/** The manifest comes last: with it, every directory that it speaks of is there. */
function create(files: FileSystem, options: ResolvedOptions, shards: number): Manifest {
  const { directory, nodeBytes = NODE_BYTES_DEFAULT, valueEncoding } = options;
  const seed = randomBytes(16);
  const manifest: Manifest = {
    format: FORMAT_VERSION,
    engine: 'cow-btree',
    storeId: randomBytes(16).toString('hex'),
    hashSeed: [seed.readUInt32LE(0), seed.readUInt32LE(4), seed.readUInt32LE(8), seed.readUInt32LE(12)],
    shards,
    nodeBytes,
    valueEncoding,
    generation: 1,
    createdAt: new Date().toISOString(),
  };
  for (let shard = 0; shard < shards; shard++) ensureDirectory(files, shardDirectory(directory, 1, shard));
  writeManifest(files, directory, manifest);
  return manifest;
}

function expectDirectory(files: FileSystem, directory: string, manifest: Manifest, shard: number): void {
  const path = shardDirectory(directory, manifest.generation, shard);
  if (files.stat(path)?.kind === 'directory') return;
  throw new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `${path} is missing, and the manifest of ${join(directory)} says that it holds shard ${shard} of ${manifest.shards}; restore a backup`,
  );
}
