import { randomBytes } from 'node:crypto';
import { type CheckedBackup, checkBackup, checkText } from '../../arguments.js';
import type { Checkpoints } from '../../client/checkpoints.js';
import { LeaseStoreError } from '../../errors.js';
import { ensureDirectory } from '../../io/ensure-directory.js';
import type { FileSystem } from '../../io/file-system.js';
import { fillNewDirectory } from '../../io/new-directory.js';
import { nodeFileSystem } from '../../io/node-file-system.js';
import { type Manifest, shardDirectory, writeManifest } from '../../manifest.js';
import { startLog } from '../../recovery/new-shard.js';
import type { BackupOptions } from '../engine.js';

const PATH_BYTES_MAX = 4096;

interface Original {
  readonly manifest: Manifest;
  readonly checkpoints: Checkpoints;
}

/**
 * Copies the store, while it goes on, into a directory that is not there or empty: a checkpoint of every shard's
 * published commit and, last, a manifest. What has no manifest is no backup. Each shard is copied as of its own moment.
 * Whatever ends it early, nothing is left behind.
 *
 * The copy is a store of its own, with an id of its own: once it is opened, its history and the original's part, and
 * files of one must not pass for files of the other.
 */
export async function backUp(store: Original, directory: unknown, options: BackupOptions | undefined): Promise<void> {
  const target = checkText(directory, 'directory', PATH_BYTES_MAX);
  const checked = checkBackup(options);
  const files = nodeFileSystem();
  await fillNewDirectory(files, target, () => copyInto(files, target, store, checked));
}

async function copyInto(
  files: FileSystem,
  target: string,
  { manifest, checkpoints }: Original,
  { onProgress, signal }: CheckedBackup,
): Promise<void> {
  const storeId = Uint8Array.from(randomBytes(16));
  const generation = 1;
  for (let shard = 0; shard < manifest.shards; shard++) {
    if (signal?.aborted) {
      throw new LeaseStoreError('ERR_HOLDFAST_ABORTED', 'the backup was aborted; what it had written was removed', {
        cause: signal.reason,
      });
    }
    const own = shardDirectory(target, generation, shard);
    ensureDirectory(files, own);
    const { lsn } = await checkpoints.copyTo(shard, own, storeId);
    startLog(files, own, { storeId, shard }, lsn, 0);
    onProgress?.({ phase: 'backup', done: shard + 1, total: manifest.shards });
  }
  writeManifest(files, target, { ...manifest, storeId: Buffer.from(storeId).toString('hex'), generation });
}
