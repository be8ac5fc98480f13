import type { EngineName } from '../src/index.js';
import { ENGINES } from '../src/options.js';
import { engineSubject } from './engine-subject.js';
import type { OpenSubject } from './subject.js';

const PEERS: Readonly<Record<string, () => Promise<OpenSubject>>> = {
  map: async () => (await import('./peers/map.js')).openMap,
  lmdb: async () => (await import('./peers/lmdb.js')).openLmdb,
  'lmdb-nosync': async () => (await import('./peers/lmdb.js')).openLmdbNoSync,
  'classic-level': async () => (await import('./peers/classic-level.js')).openClassicLevel,
  'nxtedition-rocksdb': async () => (await import('./peers/rocksdb.js')).openRocksDb,
  sqlite: async () => (await import('./peers/sqlite.js')).openSqlite,
};

/** What everything is compared with, and what sweeps are about. */
export const DEFAULT_ENGINE = 'cow-btree';

/** Not a store: the machine itself, measured in the same run. */
export const CONTROL = 'control';

/** Names as `--engines` takes them: the machine, engines of this project, peers in their own APIs. */
export const SUBJECTS: readonly string[] = [CONTROL, ...ENGINES, ...Object.keys(PEERS)];

/** Those that keep nothing in files: run once, whatever the durability. */
export const NO_FILES: readonly string[] = ['memory', 'map'];
/** Those that cannot sync. */
export const NEVER_SYNCED: readonly string[] = [...NO_FILES, 'lmdb-nosync'];

/** Loads what a subject needs. A native that is missing or broken fails here, or ends the process. */
export async function openerOf(name: string): Promise<OpenSubject> {
  if (Object.hasOwn(PEERS, name)) return PEERS[name]();
  if (name === CONTROL) return nothingToOpen;
  return engineSubject(name as EngineName);
}

const nothingToOpen: OpenSubject = () => Promise.reject(new Error('the control is not a store'));
