import { TOKEN_LEAD } from '../../native-layout/format.js';
import { keepNewest } from '../checkpoint/files.js';
import { CheckpointWriter } from '../checkpoint/writer.js';
import { LeaseStoreError } from '../errors.js';
import type { FileSystem } from '../io/file-system.js';
import type { Commit } from '../memory/control.js';
import type { Slabs } from '../memory/slabs.js';
import { TreeDamage } from '../tree/check.js';
import { LEASES, NAMES, OWNERS } from '../tree/kinds.js';
import type { LogOwner } from '../wal/segment.js';
import { dropSegmentsBelow } from '../wal/settle.js';
import { checkCommit } from './check.js';
import { NodeSet } from '../memory/node-set.js';
import { TreeSaver } from './images.js';

/** Checkpoints that are kept: should the newest be damaged, the one before it and its log still tell everything. */
const KEEP = 2;

export interface SavedCheckpoint {
  readonly lsn: number;
  readonly bytes: number;
  readonly nodes: number;
}

/** What goes on beside a checkpoint that is being written. */
export interface Beside {
  /** Waits until the log is on the disk up to this LSN: a checkpoint must not be ahead of it. */
  readonly untilDurable: (lsn: number) => void;
  /** Called for every node that is checked, and for every one that is written. */
  readonly step: () => void;
}

/** A checkpoint of memory that nobody else uses, without a log that it could be ahead of. */
export const NOTHING_BESIDE: Beside = { untilDurable() {}, step() {} };

/**
 * Checks a pinned commit, streams it into a new checkpoint file and publishes that, then removes what the two newest
 * checkpoints do not need.
 *
 * @throws LeaseStoreError ERR_HOLDFAST_CORRUPT if the commit does not hold together; nothing was written or removed
 */
export function saveCheckpoint(
  files: FileSystem,
  directory: string,
  owner: LogOwner,
  slabs: Slabs,
  commit: Commit,
  beside: Beside,
): SavedCheckpoint {
  const saved = writeCheckpoint(files, directory, owner, slabs, commit, beside);
  const kept = keepNewest(files, directory, KEEP);
  const oldest = kept.at(-1);
  if (kept.length === KEEP && oldest !== undefined) dropSegmentsBelow(files, directory, oldest.cutLsn);
  return saved;
}

/** The part without housekeeping: for a checkpoint in another directory, as of a backup. */
export function writeCheckpoint(
  files: FileSystem,
  directory: string,
  owner: LogOwner,
  slabs: Slabs,
  commit: Commit,
  beside: Beside,
): SavedCheckpoint {
  expectWhole(slabs, commit, beside);
  const writer = CheckpointWriter.create(files, directory, {
    ...owner,
    nodeBytes: slabs.nodeBytes,
    cutLsn: commit.lsn,
    commit: commit.commit,
    storeMs: commit.storeMs,
    // At least every ceiling that was logged up to the cut.
    tokenCeiling: commit.token + TOKEN_LEAD,
  });
  try {
    const saver = new TreeSaver(slabs, (head, tail) => {
      beside.step();
      return writer.append(head, tail);
    });
    const trees = [
      { root: saver.save(LEASES, commit.leases), entries: commit.leaseCount },
      { root: saver.save(OWNERS, commit.owners), entries: commit.ownerCount },
      { root: saver.save(NAMES, commit.names), entries: commit.nameCount },
    ];
    const nodes = writer.images;
    const bytes = writer.finish(trees);
    beside.untilDurable(commit.lsn);
    writer.publish();
    return { lsn: commit.lsn, bytes, nodes };
  } catch (error) {
    writer.abort();
    throw error;
  }
}

/**
 * A checkpoint takes the place of the log behind it. Were it made of damaged memory, in two checkpoints' time nothing
 * would be left from which the damage could be undone.
 */
function expectWhole(slabs: Slabs, commit: Commit, { step }: Beside): void {
  const reached = new NodeSet();
  try {
    checkCommit(slabs, commit, (id) => {
      step();
      return reached.add(id);
    });
  } catch (cause) {
    if (!(cause instanceof TreeDamage)) throw cause;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_CORRUPT',
      `the leases that a checkpoint was to hold are damaged in memory (${cause.message}); the files are as they were: close the store and open it again, that recovers it from the disk`,
      { cause },
    );
  }
}
