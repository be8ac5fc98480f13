import { randomBytes } from 'node:crypto';
import { checkBackup, checkText } from '../../arguments.js';
import type { Checkpoints } from '../../client/checkpoints.js';
import { LeaseStoreError } from '../../errors.js';
import { ensureDirectory } from '../../io/ensure-directory.js';
import type { FileSystem } from '../../io/file-system.js';
import { nodeFileSystem } from '../../io/node-file-system.js';
import { type Manifest, shardDirectory, writeManifest } from '../../manifest.js';
import { WalWriter } from '../../wal/writer.js';
import type { BackupOptions } from '../engine.js';

const PATH_BYTES_MAX = 4096;

/**
 * Copies the store, while it goes on, into a directory that is not there or empty: a checkpoint of every shard's
 * published commit and, last, a manifest. What has no manifest is no backup. Each shard is copied as of its own moment.
 */
export async function backUp(
  store: { readonly manifest: Manifest; readonly checkpoints: Checkpoints },
  directory: unknown,
  options: BackupOptions | undefined,
): Promise<void> {
  const target = checkText(directory, 'directory', PATH_BYTES_MAX);
  const { onProgress, signal } = checkBackup(options);
  const files = nodeFileSystem();
  if (files.stat(target) !== undefined && files.list(target).length > 0) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      `directory must not be there, or be empty: ${target} holds files`,
    );
  }
  ensureDirectory(files, target);
  const { manifest, checkpoints } = store;
  const generation = 1;
  for (let shard = 0; shard < manifest.shards; shard++) {
    if (signal?.aborted) {
      files.removeTree(target);
      throw new LeaseStoreError('ERR_HOLDFAST_ABORTED', 'the backup was aborted; what it had written was removed', {
        cause: signal.reason,
      });
    }
    const own = shardDirectory(target, generation, shard);
    ensureDirectory(files, own);
    const { lsn } = await checkpoints.copyTo(shard, own);
    startLog(files, own, manifest, shard, lsn);
    onProgress?.({ phase: 'backup', done: shard + 1, total: manifest.shards });
  }
  writeManifest(files, target, { ...manifest, generation });
}

/** An empty log behind the checkpoint: a store without one has lost it. */
function startLog(files: FileSystem, directory: string, manifest: Manifest, shard: number, lsn: number): void {
  const storeId = Uint8Array.from(Buffer.from(manifest.storeId, 'hex'));
  const salt = randomBytes(4).readUInt32LE();
  WalWriter.create(files, directory, {
    shard,
    storeId,
    segmentId: 1,
    epoch: 1,
    lastLsn: lsn,
    storeMs: 0,
    salt,
  }).close();
}
