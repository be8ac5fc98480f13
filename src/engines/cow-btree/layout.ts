import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { FORMAT_VERSION, NODE_BYTES_DEFAULT } from '../../../native-layout/format.js';
import { LeaseStoreError } from '../../errors.js';
import { ensureDirectory } from '../../io/ensure-directory.js';
import type { FileSystem } from '../../io/file-system.js';
import {
  generationDirectory,
  listGenerations,
  type Manifest,
  readManifest,
  shardDirectory,
  writeManifest,
} from '../../manifest.js';
import type { ResolvedOptions } from '../../options.js';
import { startLog } from '../../recovery/new-shard.js';

/** The store in a directory: the one that is there, whatever its shards, or one that was made now. */
export function openManifest(files: FileSystem, options: ResolvedOptions, shardsByDefault: number): Manifest {
  const { directory } = options;
  const known = readManifest(files, directory);
  if (known === undefined) return create(files, options, options.shards ?? shardsByDefault);
  for (let shard = 0; shard < known.shards; shard++) expectDirectory(files, directory, known, shard);
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
  // A process that was killed before it could do so may have left it to us.
  files.syncDirectory(directory);
  return known;
}

/** The manifest comes last: with it, every directory and every log that it speaks of is there, and on the disk. */
function create(files: FileSystem, options: ResolvedOptions, shards: number): Manifest {
  const { directory, nodeBytes = NODE_BYTES_DEFAULT, valueEncoding } = options;
  const storeId = randomBytes(16);
  const seed = randomBytes(16);
  const manifest: Manifest = {
    format: FORMAT_VERSION,
    engine: 'cow-btree',
    storeId: storeId.toString('hex'),
    hashSeed: [seed.readUInt32LE(0), seed.readUInt32LE(4), seed.readUInt32LE(8), seed.readUInt32LE(12)],
    shards,
    nodeBytes,
    valueEncoding,
    generation: 1,
    createdAt: new Date().toISOString(),
  };
  // What a creation that was cut off left: its logs are of a store with another id.
  for (const cutOff of listGenerations(files, directory)) files.removeTree(generationDirectory(directory, cutOff));
  for (let shard = 0; shard < shards; shard++) {
    const own = shardDirectory(directory, manifest.generation, shard);
    ensureDirectory(files, own);
    startLog(files, own, { storeId, shard }, 0, 0);
  }
  writeManifest(files, directory, manifest);
  return manifest;
}

function expectDirectory(files: FileSystem, directory: string, manifest: Manifest, shard: number): void {
  const path = shardDirectory(directory, manifest.generation, shard);
  const folders = [generationDirectory(directory, manifest.generation), path];
  // A link to a directory is none: whoever planted it would have the store write elsewhere.
  if (folders.every((folder) => files.stat(folder)?.kind === 'directory')) return;
  throw new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `${path} is missing, and the manifest of ${join(directory)} says that it holds shard ${shard} of ${manifest.shards}; restore a backup, or take what is left with "holdfast salvage"`,
  );
}
