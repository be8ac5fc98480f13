import * as layout from '../../native-layout/shard-control.js';
import { type Control, readCommit } from '../memory/control.js';
import { AT } from './counters.js';
import { type Degradation, shardHealth } from './health.js';
import { type Percentiles, percentiles } from './histogram.js';

/** One shard as its shared counters tell it, at some moment of the last microseconds. Times in ms unless said. */
export interface ShardMetrics {
  readonly shard: number;
  readonly leases: number;
  readonly operations: {
    readonly acquired: number;
    readonly held: number;
    readonly renewed: number;
    readonly released: number;
    readonly refused: number;
    readonly imported: number;
    readonly expired: number;
  };
  readonly commits: number;
  /** Requests per commit. */
  readonly groupSize: Percentiles;
  /** From taking a group to its publication, ns. */
  readonly commitNs: Percentiles;
  /** Appending a frame, its sync included where the durability asks for one, ns. */
  readonly walNs: Percentiles;
  readonly wal: {
    readonly bytes: number;
    readonly frames: number;
    readonly syncs: number;
    readonly lsn: number;
    readonly durableLsn: number;
    readonly bytesSinceCheckpoint: number;
  };
  readonly checkpoint: {
    readonly made: number;
    readonly failed: number;
    readonly bytes: number;
    readonly lsn: number;
  };
  readonly nodes: {
    readonly allocated: number;
    readonly free: number;
    /** Replaced, but perhaps still seen by a reader. */
    readonly retired: number;
    readonly peak: number;
    /** Share of the last commit's nodes that it shares with the one before. */
    readonly sharedByLastCommit: number;
    readonly bytes: number;
  };
  readonly pins: {
    readonly held: number;
    /** Age of the oldest pinned commit, in commits. */
    readonly oldestCommits: number;
    readonly ousted: number;
  };
  /** How long ago the earliest deadline passed that the sweep has not come to; 0 if none has. */
  readonly expiryLagMs: number;
  readonly restarts: number;
  readonly degraded: readonly Degradation[];
}

export interface StoreMetrics {
  readonly shards: readonly ShardMetrics[];
  /** Operations under way from this thread. */
  readonly pending: number;
}

export function shardMetrics(control: Control, nowMs: number): ShardMetrics {
  const count = (at: number) => control.doubles[at];
  const commit = readCommit(control, control.current);
  const allocated = count(AT.nodesAllocated);
  const used = allocated - count(AT.nodesRetired);
  const due = count(AT.earliestDeadlineMs);
  return {
    shard: control.words[layout.SHARD],
    leases: commit.leaseCount,
    operations: {
      acquired: count(AT.acquired),
      held: count(AT.held),
      renewed: count(AT.renewed),
      released: count(AT.released),
      refused: count(AT.refused),
      imported: count(AT.imported),
      expired: count(AT.expired),
    },
    commits: count(AT.commits),
    groupSize: histogram(control, 'groupSize'),
    commitNs: histogram(control, 'commitNs'),
    walNs: histogram(control, 'walNs'),
    wal: {
      bytes: count(AT.walBytes),
      frames: count(AT.walFrames),
      syncs: count(AT.syncs),
      lsn: control.lsn(layout.WRITTEN_LSN),
      durableLsn: control.lsn(layout.DURABLE_LSN),
      bytesSinceCheckpoint: count(AT.walBytes) - count(AT.walBytesAtCheckpoint),
    },
    checkpoint: {
      made: count(AT.checkpoints),
      failed: count(AT.checkpointFailures),
      bytes: count(AT.checkpointBytes),
      lsn: count(AT.checkpointLsn),
    },
    nodes: {
      allocated,
      free: count(AT.nodesFree),
      retired: count(AT.nodesRetired),
      peak: count(AT.nodesPeak),
      sharedByLastCommit: used > 0 ? Math.max(0, 1 - count(AT.nodesBornLast) / used) : 1,
      bytes: allocated * control.words[layout.NODE_BYTES],
    },
    pins: { ...pins(control, commit.commit), ousted: count(AT.snapshotsOusted) },
    expiryLagMs: due > 0 && due < nowMs ? nowMs - due : 0,
    restarts: control.words[layout.RESTARTS],
    degraded: shardHealth(control).degraded,
  };
}

function histogram(control: Control, name: layout.HistogramName): Percentiles {
  const at = layout.histogramIndex(name);
  return percentiles(control.words.slice(at, at + layout.HISTOGRAM_BUCKETS));
}

function pins(control: Control, current: number): { held: number; oldestCommits: number } {
  let held = 0;
  let oldest = current;
  for (let r = 0; r < layout.READER_ROWS; r++) {
    const row = layout.rowIndex(r);
    if (control.signed[row + layout.ROW_ATTACHED] === 0) continue;
    for (let i = 0; i < control.signed[row + layout.ROW_HIGH]; i++) {
      const pin = Atomics.load(control.signed, row + layout.ROW_PINS + i);
      if (pin === 0 || pin === layout.PIN_OUSTED) continue;
      held++;
      oldest = Math.min(oldest, readCommit(control, Math.abs(pin) - 1).commit);
    }
  }
  return { held, oldestCommits: current - oldest };
}
