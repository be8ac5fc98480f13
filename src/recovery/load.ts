import { type CheckpointFile, listCheckpoints } from '../checkpoint/files.js';
import { openCheckpoint } from '../checkpoint/reader.js';
import { corruptFile, LeaseStoreError } from '../errors.js';
import type { FileSystem } from '../io/file-system.js';
import type { Slabs } from '../memory/slabs.js';
import type { Roots } from '../table/lease-table.js';
import type { LogOwner } from '../wal/segment.js';
import { loadImage } from './images.js';

/** A checkpoint that is now in memory. */
export interface LoadedCheckpoint {
  readonly path: string;
  readonly lsn: number;
  readonly storeMs: number;
  readonly tokenCeiling: number;
  /** Nodes 1 to this one are in use. */
  readonly nodes: number;
  readonly bytes: number;
  readonly roots: Roots;
}

/** A checkpoint that could not be read, and why. */
export interface DamagedCheckpoint extends CheckpointFile {
  readonly error: LeaseStoreError;
}

export interface LoadedNewest {
  /** Undefined if there is no good one; until the second was made, the log alone tells everything. */
  readonly checkpoint: LoadedCheckpoint | undefined;
  /** Those that are newer, newest first. */
  readonly damaged: readonly DamagedCheckpoint[];
}

/** Loads the newest checkpoint that is good into empty slabs. */
export function loadNewestCheckpoint(
  files: FileSystem,
  directory: string,
  owner: LogOwner,
  slabs: Slabs,
  onProgress: (done: number, total: number) => void,
): LoadedNewest {
  const damaged: DamagedCheckpoint[] = [];
  for (const file of listCheckpoints(files, directory)) {
    try {
      return { checkpoint: loadCheckpoint(files, file, owner, slabs, onProgress), damaged };
    } catch (error) {
      if (!(error instanceof LeaseStoreError) || error.code !== 'ERR_HOLDFAST_CORRUPT') throw error;
      damaged.push({ ...file, error });
    }
  }
  return { checkpoint: undefined, damaged };
}

/** Loads a checkpoint into empty slabs; throws what is wrong with it. Nothing says yet that its trees are. */
export function loadCheckpoint(
  files: FileSystem,
  file: CheckpointFile,
  owner: LogOwner,
  slabs: Slabs,
  onProgress: (done: number, total: number) => void,
): LoadedCheckpoint {
  const reader = openCheckpoint(files, file.path, file.cutLsn, { ...owner, nodeBytes: slabs.nodeBytes });
  try {
    const { meta, summary } = reader;
    if (summary.images >= slabs.capacity) {
      throw new LeaseStoreError(
        'ERR_HOLDFAST_FULL',
        `${file.path} holds ${summary.images} nodes, memoryBytesMax allows ${slabs.capacity - 1}; open with a larger one`,
      );
    }
    reader.readNodes((ordinal, image) => {
      if (!loadImage(slabs, ordinal, image)) throw corruptFile(file.path, 0, `image ${ordinal} is no node`);
      if ((ordinal & 0xfff) === 0) onProgress(ordinal, summary.images);
    });
    onProgress(summary.images, summary.images);
    const [leases, owners, names] = summary.trees;
    return {
      path: file.path,
      lsn: meta.cutLsn,
      storeMs: meta.storeMs,
      tokenCeiling: meta.tokenCeiling,
      nodes: summary.images,
      bytes: summary.bytes,
      roots: {
        leases: leases.root,
        owners: owners.root,
        names: names.root,
        leaseCount: leases.entries,
        ownerCount: owners.entries,
        nameCount: names.entries,
      },
    };
  } finally {
    reader.close();
  }
}
