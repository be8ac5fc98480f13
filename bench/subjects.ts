import type { EngineName } from '../src/index.js';
import { ENGINES } from '../src/options.js';
import { engineSubject } from './engine-subject.js';
import type { OpenSubject } from './subject.js';

const PEERS: Readonly<Record<string, () => Promise<OpenSubject>>> = {
  map: async () => (await import('./peers/map.js')).openMap,
  lmdb: async () => (await import('./peers/lmdb.js')).openLmdb,
  'lmdb-nosync': async () => (await import('./peers/lmdb.js')).openLmdbNoSync,
};

/** Names as `--engines` takes them: engines of this project first, then peers in their own APIs. */
export const SUBJECTS: readonly string[] = [...ENGINES, ...Object.keys(PEERS)];

export const isPeer = (name: string) => Object.hasOwn(PEERS, name);

/** Those that keep nothing in files: run once, whatever the durability. */
export const NO_FILES: readonly string[] = ['memory', 'map'];
/** Those that cannot sync. */
export const NEVER_SYNCED: readonly string[] = [...NO_FILES, 'lmdb-nosync'];

/** Loads what a subject needs. A native that is missing or broken fails here, or ends the process. */
export async function subject(name: string): Promise<OpenSubject> {
  if (isPeer(name)) return PEERS[name]();
  if (!ENGINES.includes(name as EngineName)) throw new Error(`there is no subject '${name}': ${SUBJECTS.join(', ')}`);
  return engineSubject(name as EngineName);
}
