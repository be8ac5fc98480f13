import { join } from 'node:path';
import type { DirectoryLock } from '../../io/directory-lock.js';
import type { FileSystem } from '../../io/file-system.js';
import { damaged, readSealed, writeSealed } from '../../sealed-file.js';
import type { TokenSource } from '../../shard/tokens.js';
import { dropSegmentsBelow } from '../../wal/settle.js';
import type { GroupLog } from '../indexed/group-log.js';
import type { Journal } from '../indexed/journal.js';
import type { LeaseView } from '../indexed/lease-index.js';
import type { ByteText } from '../semantics/byte-text.js';
import type { Change } from '../semantics/rules.js';
import type { MappedTable } from './lease-table.js';
import type { MappedFile } from './mapped-file.js';

const CHECKPOINT = 'checkpoint';

/** What the table on the disk holds at least. */
export interface TableCheckpoint {
  /** Every record of the log up to here is in it. */
  readonly lsn: number;
  readonly tokenCeiling: number;
  readonly storeMs: number;
}

export function readCheckpoint(files: FileSystem, dataPath: string): TableCheckpoint | undefined {
  const path = join(dataPath, CHECKPOINT);
  if (files.stat(path) === undefined) return undefined;
  const content = readSealed(files, path);
  for (const name of ['lsn', 'tokenCeiling', 'storeMs'] satisfies (keyof TableCheckpoint)[]) {
    if (!Number.isSafeInteger(content[name])) throw damaged(path, `its field ${name} is missing or out of bounds`);
  }
  return content as unknown as TableCheckpoint;
}

export interface MmapParts {
  readonly files: FileSystem;
  readonly dataPath: string;
  readonly lock: DirectoryLock;
  readonly log: GroupLog;
  readonly file: MappedFile;
  readonly table: MappedTable;
  readonly checkpointWalBytesMin: number;
}

/**
 * Log first, then the slot in place. The kernel writes the table's pages whenever it likes, so a power cut may tear any
 * slot that was written since the last checkpoint. Hence the first change of a lease after a checkpoint is logged as
 * the whole lease (as databases log whole pages): replay needs nothing of a slot that it may find torn. That a slot may
 * be ahead of the log on the disk does no harm: each tells what was really granted, and replay knows by the token.
 */
export class MmapJournal implements Journal {
  readonly #p: MmapParts;
  /** Leases that were logged whole since the last checkpoint. */
  readonly #whole = new Set<ByteText>();
  #logBytesAtCheckpoint = 0;
  #checkpoints = 0;

  constructor(parts: MmapParts) {
    this.#p = parts;
  }

  append(changes: readonly Change[], nowMs: number, tokens: TokenSource, synced: boolean): void {
    const { log, table } = this.#p;
    table.reserve(changes);
    log.append(changes, nowMs, tokens, synced, (change) => !this.#whole.has(change.key));
    for (const change of changes) {
      this.#whole.add(change.key);
      table.set(change.key, change.kind === 'remove' ? undefined : change.record);
    }
  }

  sync(): void {
    this.#p.log.sync();
  }

  get checkpointDue(): boolean {
    return this.#p.log.bytesWritten - this.#logBytesAtCheckpoint >= this.#p.checkpointWalBytesMin;
  }

  /** The table is the state: it only has to reach the disk. Then the log before it is not needed. */
  async checkpoint(_leases: LeaseView, nowMs: number): Promise<void> {
    const { files, dataPath, log, file } = this.#p;
    const checkpoint = { lsn: log.lastLsn, tokenCeiling: log.ceiling, storeMs: Math.ceil(nowMs) };
    this.#logBytesAtCheckpoint = log.bytesWritten;
    // From here on: what is written while the pages go out may be torn in them.
    this.#whole.clear();
    log.sync();
    await file.flush();
    writeSealed(files, dataPath, CHECKPOINT, checkpoint);
    dropSegmentsBelow(files, dataPath, checkpoint.lsn);
    this.#checkpoints++;
  }

  metrics(): Readonly<Record<string, number>> {
    const { log, table } = this.#p;
    return {
      lsn: log.lastLsn,
      logBytesWritten: log.bytesWritten,
      syncs: log.syncs,
      checkpoints: this.#checkpoints,
      tableBytes: table.bytes,
    };
  }

  async close(nowMs: number): Promise<void> {
    try {
      this.#p.log.close(nowMs);
    } finally {
      this.#p.file.close();
      await this.#p.lock.release();
    }
  }
}
