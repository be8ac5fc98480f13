import { LeaseStoreError } from '../errors.js';
import type { FileSystem } from '../io/file-system.js';
import { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { LeaseTable, type Roots } from '../table/lease-table.js';
import { TreeDamage } from '../tree/check.js';
import { scanWal, type WalScan } from '../wal/reader.js';
import type { LogOwner } from '../wal/segment.js';
import { type CommitReport, checkCommit } from './check.js';
import { NodeSet } from '../memory/node-set.js';
import { type DamagedCheckpoint, type LoadedCheckpoint, loadNewestCheckpoint } from './load.js';
import { Replay } from './replay.js';

export interface RecoveryOptions {
  readonly files: FileSystem;
  /** Directory of the shard. */
  readonly directory: string;
  readonly owner: LogOwner;
  readonly slabs: Slabs;
  readonly onProgress: (phase: 'checkpoint' | 'log', done: number, total: number) => void;
  readonly monotonicMs: () => number;
}

/** One shard as the disk has it, in memory and checked; nothing on the disk was changed. */
export interface Recovered {
  readonly allocator: NodeAllocator;
  readonly table: LeaseTable;
  readonly lsn: number;
  readonly tokenFloor: number;
  readonly lastStoreMs: number;
  readonly scan: WalScan;
  readonly report: CommitReport;
  readonly checkpoint: LoadedCheckpoint | undefined;
  /** Newer checkpoints that the log stood in for. */
  readonly damaged: readonly DamagedCheckpoint[];
  readonly replayed: number;
  /** Milliseconds that each step took. */
  readonly took: { readonly load: number; readonly replay: number; readonly check: number };
}

const EMPTY: Roots = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };

/**
 * Newest good checkpoint, then what the log says came after it, then a check of everything. A checkpoint that is
 * damaged falls back to the one before it, whose log is kept for that.
 */
export function recoverShard(options: RecoveryOptions): Recovered {
  try {
    return recoverInOrder(options, 'tree');
  } catch (error) {
    if (!(error instanceof LeaseStoreError) || error.code !== 'ERR_HOLDFAST_FULL') throw error;
    // In the order of the tree, grants may come before the removals that made room for them.
    return recoverInOrder(options, 'log');
  }
}

function recoverInOrder(options: RecoveryOptions, order: 'tree' | 'log'): Recovered {
  const { files, directory, owner, slabs, onProgress, monotonicMs } = options;
  const started = monotonicMs();
  const allocator = new NodeAllocator(slabs, 0);
  const { checkpoint, damaged } = loadNewestCheckpoint(files, directory, owner, slabs, (done, total) => {
    onProgress('checkpoint', done, total);
  });
  if (checkpoint !== undefined) allocator.adoptUnread(checkpoint.nodes);
  const loaded = monotonicMs();
  const table = new LeaseTable(slabs, allocator, checkpoint?.roots ?? EMPTY);
  const replay = new Replay(table, slabs, allocator, checkpoint?.tokenCeiling ?? 0);
  const scan = inPlaceOf(damaged[0], () =>
    scanWal(files, directory, {
      ...owner,
      fromLsn: checkpoint?.lsn ?? 0,
      visitor: replay,
      inTreeOrder: order === 'tree',
      onProgress: (done, total) => onProgress('log', done, total),
    }),
  );
  expectWholeLog(directory, scan, checkpoint, damaged[0]);
  const replayed = monotonicMs();
  const report = checkOrCorrupt(directory, slabs, table.roots);
  return {
    allocator,
    table,
    lsn: scan.lastLsn,
    tokenFloor: replay.tokenFloor,
    lastStoreMs: Math.max(scan.lastStoreMs, checkpoint?.storeMs ?? 0),
    scan,
    report,
    checkpoint,
    damaged,
    replayed: replay.records,
    took: { load: loaded - started, replay: replayed - loaded, check: monotonicMs() - replayed },
  };
}

/** Reads a log that may have to stand in for a damaged checkpoint: if it cannot, both are told. */
function inPlaceOf(damaged: DamagedCheckpoint | undefined, scan: () => WalScan): WalScan {
  try {
    return scan();
  } catch (error) {
    if (damaged === undefined || !(error instanceof LeaseStoreError) || error.code !== 'ERR_HOLDFAST_CORRUPT')
      throw error;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_CORRUPT',
      `${damaged.error.message}. The log does not make up for it: ${error.message}`,
      { cause: damaged.error },
    );
  }
}

/**
 * A checkpoint is published once the log is durable up to its cut, and a shard that has one always has a log: where that
 * ends earlier, it has lost something, even if nothing in it says so.
 */
function expectWholeLog(
  directory: string,
  scan: WalScan,
  checkpoint: LoadedCheckpoint | undefined,
  damaged: DamagedCheckpoint | undefined,
): void {
  if (damaged !== undefined && scan.lastLsn < damaged.cutLsn) throw damaged.error;
  if (checkpoint === undefined || scan.segments.length > 0) return;
  throw new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `${directory} has a checkpoint and no log that goes on from it; nothing was changed: restore a backup, or take what is left with "holdfast salvage"`,
  );
}

function checkOrCorrupt(directory: string, slabs: Slabs, roots: Roots): CommitReport {
  try {
    return checkCommit(slabs, roots, new NodeSet().add);
  } catch (cause) {
    if (!(cause instanceof TreeDamage)) throw cause;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_CORRUPT',
      `what was read from ${directory} does not hold together (${cause.message}); restore a backup, or take what is left with "holdfast salvage"`,
      { cause },
    );
  }
}
