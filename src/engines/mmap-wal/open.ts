import { join } from 'node:path';
import { StoreTime, systemClock } from '../../clock.js';
import { nodeFileSystem } from '../../io/node-file-system.js';
import type { ResolvedOptions } from '../../options.js';
import { TokenSource } from '../../shard/tokens.js';
import type { LeaseStore, Supports } from '../engine.js';
import { GroupLog, replayLog } from '../indexed/group-log.js';
import { IndexedStore } from '../indexed/indexed-store.js';
import { LeaseIndex } from '../indexed/lease-index.js';
import { IndexReplay } from '../indexed/replay.js';
import { unsupported } from '../semantics/failures.js';
import { probeNative } from '../semantics/native-package.js';
import { openStoreDirectory, type StoreDirectory } from '../semantics/store-directory.js';
import { MmapJournal, readCheckpoint } from './journal.js';
import { MappedTable } from './lease-table.js';
import { type Libc, loadLibc } from './libc.js';
import { MappedFile } from './mapped-file.js';

const SUPPORTS: Supports = {
  persistence: true,
  synced: true,
  syncReads: true,
  snapshots: true,
  consistentSnapshots: true,
  backup: false,
  attach: false,
};

const MAIN_LOG = 0;

/** A table of leases in a mapped file, written in place behind a log; an index of it in this thread's heap. */
export async function openMmapWal<V>(options: ResolvedOptions): Promise<LeaseStore<V>> {
  if (options.onRestart !== 'keep-deadlines') {
    // A table that may be ahead of its log cannot tell whether a shift was applied to it already.
    throw unsupported(options.engine, `onRestart: '${options.onRestart}'`, "it always works as 'keep-deadlines'");
  }
  await probeNative({ engine: 'mmap-wal', name: 'koffi', range: '^3.0.0' });
  const libc = await loadLibc();
  const directory = await openStoreDirectory(nodeFileSystem(), options);
  try {
    return await openIn<V>(directory, options, libc);
  } catch (error) {
    await directory.lock.release();
    throw error;
  }
}

/** Map the table, replay the log over it, and put the outcome on the disk before anyone writes. */
async function openIn<V>(directory: StoreDirectory, options: ResolvedOptions, libc: Libc): Promise<LeaseStore<V>> {
  const files = nodeFileSystem();
  const clock = systemClock();
  const { dataPath, lock, manifest } = directory;
  const owner = { storeId: Buffer.from(manifest.storeId, 'hex'), shard: MAIN_LOG };
  const wallMs = clock.wallMs();
  const file = MappedFile.open(files, libc, join(dataPath, 'table'));
  try {
    const table = new MappedTable(file, owner.storeId.readUInt32LE());
    const index = new LeaseIndex(wallMs);
    table.scan();
    for (const { key, record } of table.entries()) index.apply({ kind: 'grant', key, record, newValue: true });

    const checkpoint = readCheckpoint(files, dataPath);
    const replay = new IndexReplay(index, checkpoint?.tokenCeiling ?? 0, true);
    const scan = replayLog(files, dataPath, owner, checkpoint?.lsn ?? 0, replay, (done, total) =>
      options.onProgress?.({ phase: 'replay', done, total }),
    );
    for (const { key, record } of [...table.entries()]) if (index.get(key) !== record) table.set(key, index.get(key));
    for (const [key, record] of index.leases.entries()) table.set(key, record);

    const storeMs = Math.max(clock.wallMs(), scan.lastStoreMs, checkpoint?.storeMs ?? 0);
    const time = new StoreTime(clock, { storeMs, monotonicMs: clock.monotonicMs() });
    const log = GroupLog.resume(files, dataPath, owner, scan, time.nowMs(), replay.tokenFloor);
    const { checkpointWalBytesMin } = options;
    const journal = new MmapJournal({ files, dataPath, lock, log, file, table, checkpointWalBytesMin });
    await journal.checkpoint(index, time.nowMs());
    if (!manifest.ready) directory.markReady();
    const tokens = new TokenSource(replay.tokenFloor);
    return new IndexedStore<V>({ options, supports: SUPPORTS, index, tokens, journal, nowMs: () => time.nowMs() });
  } catch (error) {
    file.close();
    throw error;
  }
}
