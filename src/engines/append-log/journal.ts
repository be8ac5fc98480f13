import type { DirectoryLock } from '../../io/directory-lock.js';
import type { FileSystem } from '../../io/file-system.js';
import type { ResolvedOptions } from '../../options.js';
import type { TokenSource } from '../../shard/tokens.js';
import type { GroupLog } from '../indexed/group-log.js';
import type { BackupWork, Journal } from '../indexed/journal.js';
import type { LeaseView } from '../indexed/lease-index.js';
import { checkNotAborted } from '../semantics/failures.js';
import type { Change } from '../semantics/rules.js';
import { createStore } from '../semantics/store-directory.js';
import { writeSnapshot } from './snapshots.js';

export interface AppendLogParts {
  readonly files: FileSystem;
  readonly dataPath: string;
  readonly storeId: Uint8Array;
  readonly options: ResolvedOptions;
  readonly lock: DirectoryLock;
  readonly log: GroupLog;
}

/**
 * An append-only log that is never cut: it tells every grant, renewal, release and expiry since the store was made.
 * Snapshots only shorten the replay.
 */
export class AppendLogJournal implements Journal {
  readonly #p: AppendLogParts;
  /** What the log had written, and how large the snapshot was, when the last one was made. */
  #logBytesAtSnapshot = 0;
  #snapshotBytes = 0;
  #snapshots = 0;

  constructor(parts: AppendLogParts) {
    this.#p = parts;
  }

  append(changes: readonly Change[], nowMs: number, tokens: TokenSource, synced: boolean): void {
    this.#p.log.append(changes, nowMs, tokens, synced, () => false);
  }

  sync(): void {
    this.#p.log.sync();
  }

  /** As much log as the last snapshot was long, so that snapshots at most double what is written. */
  get checkpointDue(): boolean {
    const { log, options } = this.#p;
    const logged = log.bytesWritten - this.#logBytesAtSnapshot;
    return logged >= Math.max(options.checkpointWalBytesMin, this.#snapshotBytes);
  }

  async checkpoint(leases: LeaseView, nowMs: number): Promise<void> {
    const { files, dataPath, storeId, log } = this.#p;
    const lsn = log.lastLsn;
    const tokenCeiling = log.ceiling;
    this.#logBytesAtSnapshot = log.bytesWritten;
    // The snapshot must not be ahead of the log on the disk.
    log.sync();
    this.#snapshotBytes = await writeSnapshot(files, dataPath, storeId, { lsn, tokenCeiling, storeMs: nowMs, leases });
    this.#snapshots++;
  }

  /** The leases, without the history that led to them. */
  async backup(directory: string, leases: LeaseView, nowMs: number, { onProgress, signal }: BackupWork): Promise<void> {
    const { files, options, log } = this.#p;
    const content = { lsn: log.lastLsn, tokenCeiling: log.ceiling, storeMs: nowMs, leases };
    const total = leases.leases.size;
    await createStore(files, options, directory, async (dataPath, storeId) => {
      await writeSnapshot(files, dataPath, storeId, content, (done) => {
        checkNotAborted(signal);
        onProgress?.({ phase: 'backup', done: Math.min(done, total), total });
      });
    });
    onProgress?.({ phase: 'backup', done: total, total });
  }

  metrics(): Readonly<Record<string, number>> {
    const { log } = this.#p;
    return {
      lsn: log.lastLsn,
      logBytesWritten: log.bytesWritten,
      syncs: log.syncs,
      snapshots: this.#snapshots,
      snapshotBytes: this.#snapshotBytes,
    };
  }

  async close(nowMs: number): Promise<void> {
    try {
      this.#p.log.close(nowMs);
    } finally {
      await this.#p.lock.release();
    }
  }
}
