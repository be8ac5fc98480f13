import * as layout from '../../native-layout/shard-control.js';
import type { File, FileSystem } from '../io/file-system.js';
import { isOutOfDescriptors } from '../io/io-error.js';
import type { Control } from '../memory/control.js';
import { segmentPath } from '../wal/segment.js';
import type { Bell } from './bell.js';
import { ringDoorbell } from './wait.js';

export interface SyncedLog {
  readonly control: Control;
  /** Directory of the shard. */
  readonly directory: string;
}

interface Entry {
  readonly log: SyncedLog;
  open: { readonly segment: number; readonly file: File } | undefined;
}

/**
 * Syncs the logs of all shards of a `'written'` store, in a thread of its own: at least every interval while there is
 * something to sync, at once when somebody waits for it. Uses descriptors of its own; a failed sync is final for the
 * shard and its descriptor is never synced again. Where there is no descriptor to be had nothing was tried, nor lost: it
 * is tried again after the interval, and who waits for the disk waits.
 */
export class BackgroundSync {
  readonly #files: FileSystem;
  readonly #logs: readonly Entry[];
  readonly #bell: Bell;
  readonly #intervalMs: number;

  constructor(files: FileSystem, logs: readonly SyncedLog[], bell: Bell, intervalMs: number) {
    this.#files = files;
    this.#logs = logs.map((log) => ({ log, open: undefined }));
    this.#bell = bell;
    this.#intervalMs = intervalMs;
  }

  /** Works until the bell says stop. */
  run(): void {
    const bell = this.#bell;
    for (;;) {
      const { rings } = bell;
      const worked = this.syncAll();
      if (bell.stopped) break;
      if (worked) bell.wait(rings, this.#intervalMs);
      else this.#sleep(rings);
    }
    for (const entry of this.#logs) entry.open?.file.close();
  }

  /** Syncs every log that is ahead of the disk; answers whether there was one. */
  syncAll(): boolean {
    let worked = false;
    for (const entry of this.#logs) if (this.#sync(entry)) worked = true;
    return worked;
  }

  #sleep(rings: number): void {
    this.#bell.asleep = true;
    // What became dirty before the shard could see that this thread sleeps is seen here.
    if (!this.#logs.some(({ log }) => isDirty(log.control))) this.#bell.wait(rings, Number.POSITIVE_INFINITY);
    this.#bell.asleep = false;
  }

  #sync(entry: Entry): boolean {
    const { control } = entry.log;
    if (!isDirty(control)) return false;
    // The shard names a new segment before it says that anything is written in it, and the old one is synced by then.
    const written = control.lsn(layout.WRITTEN_LSN);
    try {
      const file = this.#opened(entry);
      if (file === undefined) return true;
      Atomics.store(control.signed, layout.SYNCING, 1);
      file.fdatasync();
      control.raiseLsn(layout.DURABLE_LSN, written);
    } catch {
      control.raise(layout.HEALTH_SYNC_FAILED);
    }
    Atomics.store(control.signed, layout.SYNCING, 0);
    ringDoorbell(control);
    return true;
  }

  /** The segment that the shard writes now; `undefined` while there is no descriptor for it. */
  #opened(entry: Entry): File | undefined {
    const { control, directory } = entry.log;
    const segment = control.lsn(layout.SEGMENT);
    if (entry.open?.segment === segment) return entry.open.file;
    entry.open?.file.close();
    entry.open = undefined;
    try {
      const file = this.#files.open(segmentPath(directory, segment), 'read');
      entry.open = { segment, file };
      return file;
    } catch (error) {
      if (isOutOfDescriptors(error)) return undefined;
      throw error;
    }
  }
}

function isDirty(control: Control): boolean {
  if ((control.health & layout.HEALTH_SYNC_FAILED) !== 0) return false;
  return control.lsn(layout.WRITTEN_LSN) > control.lsn(layout.DURABLE_LSN);
}
