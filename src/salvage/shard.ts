import { CHECKPOINT_HEADER_BYTES } from '../../native-layout/checkpoint-file.js';
import { listCheckpoints } from '../checkpoint/files.js';
import { decodeHeader } from '../checkpoint/header.js';
import type { FileSystem } from '../io/file-system.js';
import { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { checkCommit } from '../recovery/check.js';
import { NodeSet } from '../memory/node-set.js';
import { type LoadedCheckpoint, loadCheckpoint } from '../recovery/load.js';
import { recoverShard } from '../recovery/recover.js';
import { Replay } from '../recovery/replay.js';
import { LeaseTable, type Roots } from '../table/lease-table.js';
import { TreeDamage } from '../tree/check.js';
import { isDamage, type LogGap, readFragments } from '../wal/fragments.js';
import type { TornTail } from '../wal/reader.js';
import type { LogOwner } from '../wal/segment.js';
import { fileStart } from './file-start.js';
import { SalvageReplay } from './replay.js';

/** What could be had of one shard, in memory. */
export interface SalvagedShard {
  readonly table: LeaseTable;
  /** Above every LSN that anything tells of. */
  readonly lsn: number;
  readonly storeMs: number;
  /** The highest token or ceiling in anything that could be read. */
  readonly tokenHigh: number;
  /** The checkpoint that it began with. */
  readonly checkpoint: string | undefined;
  /** Checkpoints that were of no use, and why. */
  readonly damaged: readonly string[];
  /** The end of the log that is cut off: of bytes as a crash leaves them, nothing tells whether they were damaged later. */
  readonly torn: TornTail | undefined;
  /** Records that are lost; none if the shard is whole. */
  readonly gaps: readonly LogGap[];
  /** Leases whose grant is lost and that were seen to be held: `type/id` and the LSN that tells so. */
  readonly lostKeys: ReadonlyMap<string, number>;
}

const EMPTY: Roots = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };

/**
 * Brings one shard into empty slabs: as an opening would if that is possible, else from the newest checkpoint that is
 * good and everything that is left of the log. Changes nothing on the disk. Throws ERR_HOLDFAST_FULL if it does not fit,
 * ERR_HOLDFAST_FORMAT for files of another version.
 */
export function salvageShard(
  files: FileSystem,
  directory: string,
  owner: LogOwner,
  slabs: Slabs,
  monotonicMs: () => number,
): SalvagedShard {
  if (files.stat(directory)?.kind !== 'directory') return lost(slabs, directory, 'the directory is missing');
  try {
    const recovered = recoverShard({ files, directory, owner, slabs, onProgress: () => {}, monotonicMs });
    const { table, lsn, lastStoreMs, tokenFloor, checkpoint, damaged, scan } = recovered;
    if (checkpoint === undefined && scan.segments.length === 0)
      return lost(slabs, directory, 'neither log nor checkpoint is left in it');
    return {
      table,
      lsn,
      storeMs: lastStoreMs,
      tokenHigh: tokenFloor,
      checkpoint: checkpoint?.path,
      damaged: damaged.map(({ error }) => error.message),
      torn: scan.torn,
      gaps: [],
      lostKeys: new Map(),
    };
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  return gather(files, directory, owner, slabs);
}

function gather(files: FileSystem, directory: string, owner: LogOwner, slabs: Slabs): SalvagedShard {
  const found = listCheckpoints(files, directory);
  const damaged: string[] = [];
  let base: LoadedCheckpoint | undefined;
  let ceiling = 0;
  for (const file of found) {
    try {
      base ??= checked(
        loadCheckpoint(files, file, owner, slabs, () => {}),
        slabs,
      );
    } catch (error) {
      if (!isDamage(error) && !(error instanceof TreeDamage)) throw error;
      damaged.push(error instanceof TreeDamage ? `${file.path}: ${error.message}` : error.message);
    }
    ceiling = Math.max(ceiling, ceilingOf(files, file.path));
  }
  const allocator = new NodeAllocator(slabs, 0);
  if (base !== undefined) allocator.adoptUnread(base.nodes);
  const table = new LeaseTable(slabs, allocator, base?.roots ?? EMPTY);
  const replay = new Replay(table, slabs, allocator, ceiling);
  const fromLsn = base?.lsn ?? 0;
  const visitor = new SalvageReplay(table, replay, fromLsn);
  const provenLsn = found[0]?.cutLsn ?? 0;
  const { lastLsn, lastStoreMs } = readFragments(files, directory, { ...owner, fromLsn, provenLsn, visitor });
  checkCommit(slabs, table.roots, new NodeSet().add);
  return {
    table,
    lsn: Math.max(lastLsn, fromLsn),
    storeMs: Math.max(lastStoreMs, base?.storeMs ?? 0),
    tokenHigh: visitor.tokenHigh,
    checkpoint: base?.path,
    damaged,
    torn: undefined,
    gaps: visitor.gaps,
    lostKeys: visitor.lostKeys,
  };
}

function checked(checkpoint: LoadedCheckpoint, slabs: Slabs): LoadedCheckpoint {
  checkCommit(slabs, checkpoint.roots, new NodeSet().add);
  return checkpoint;
}

/** The token ceiling that a checkpoint's header tells, whatever has become of the rest; 0 if the header is damaged too. */
function ceilingOf(files: FileSystem, path: string): number {
  try {
    return decodeHeader(path, fileStart(files, path, CHECKPOINT_HEADER_BYTES)).meta.tokenCeiling;
  } catch (error) {
    if (isDamage(error)) return 0;
    throw error;
  }
}

function lost(slabs: Slabs, directory: string, why: string): SalvagedShard {
  return {
    table: new LeaseTable(slabs, new NodeAllocator(slabs, 0), EMPTY),
    lsn: 0,
    storeMs: 0,
    tokenHigh: 0,
    checkpoint: undefined,
    damaged: [],
    torn: undefined,
    gaps: [{ path: directory, offset: 0, why, firstLsn: 1, lastLsn: 0, open: true }],
    lostKeys: new Map(),
  };
}
