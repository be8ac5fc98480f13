import { StoreTime, systemClock } from '../../clock.js';
import { nodeFileSystem } from '../../io/node-file-system.js';
import type { ResolvedOptions } from '../../options.js';
import { TokenSource } from '../../shard/tokens.js';
import type { LeaseStore, Supports } from '../engine.js';
import { GroupLog, replayLog } from '../indexed/group-log.js';
import { IndexedStore } from '../indexed/indexed-store.js';
import { LeaseIndex } from '../indexed/lease-index.js';
import { IndexReplay } from '../indexed/replay.js';
import { applyRestart } from '../indexed/restart.js';
import { openStoreDirectory, type StoreDirectory } from '../semantics/store-directory.js';
import { AppendLogJournal } from './journal.js';
import { loadSnapshot } from './snapshots.js';

const SUPPORTS: Supports = {
  persistence: true,
  synced: true,
  syncReads: true,
  snapshots: true,
  consistentSnapshots: true,
  backup: true,
  attach: false,
};

const MAIN_LOG = 0;

/** Leases in this thread's heap, behind a log that keeps everything that ever happened to them. */
export async function openAppendLog<V>(options: ResolvedOptions): Promise<LeaseStore<V>> {
  const directory = await openStoreDirectory(nodeFileSystem(), options);
  try {
    return openIn<V>(directory, options);
  } catch (error) {
    await directory.lock.release();
    throw error;
  }
}

function openIn<V>(directory: StoreDirectory, options: ResolvedOptions): LeaseStore<V> {
  const files = nodeFileSystem();
  const clock = systemClock();
  const { dataPath, lock, manifest } = directory;
  const owner = { storeId: Buffer.from(manifest.storeId, 'hex'), shard: MAIN_LOG };
  const wallMs = clock.wallMs();

  const snapshot = loadSnapshot(files, dataPath, owner.storeId, wallMs);
  const index = snapshot?.index ?? new LeaseIndex(wallMs);
  const replay = new IndexReplay(index, snapshot?.tokenFloor ?? 0, false);
  const scan = replayLog(files, dataPath, owner, snapshot?.lsn ?? 0, replay, (done, total) =>
    options.onProgress?.({ phase: 'replay', done, total }),
  );

  const lastStoreMs = Math.max(scan.lastStoreMs, snapshot?.storeMs ?? 0);
  const time = new StoreTime(clock, {
    storeMs: Math.max(clock.wallMs(), lastStoreMs),
    monotonicMs: clock.monotonicMs(),
  });
  const tokens = new TokenSource(replay.tokenFloor);
  const log = GroupLog.resume(files, dataPath, owner, scan, time.nowMs(), replay.tokenFloor);
  if (!manifest.ready) directory.markReady();
  applyRestart(options.onRestart, index, log, tokens, lastStoreMs, time.nowMs());

  const journal = new AppendLogJournal({ files, dataPath, storeId: owner.storeId, options, lock, log });
  return new IndexedStore<V>({ options, supports: SUPPORTS, index, tokens, journal, nowMs: () => time.nowMs() });
}
