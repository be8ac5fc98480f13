import type { ResolvedOptions } from '../options.js';
import type { AsyncLeaseStore } from './engine.js';
import { type Level, type LevelSnapshot, levelKv } from './ordered-kv/level-kv.js';
import { openKvStore } from './ordered-kv/open-kv-store.js';

/** LevelDB as its users have it: its own defaults, one process. */
export function openLsm<V>(options: ResolvedOptions): Promise<AsyncLeaseStore<V>> {
  const library = { engine: 'lsm', name: 'classic-level', range: '^3.0.0' } as const;
  return openKvStore<V>(options, library, async (path, createIfMissing) => {
    const { ClassicLevel } = await import('classic-level');
    const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' };
    const level = new ClassicLevel<Buffer, Buffer>(path, { ...encodings, createIfMissing });
    await level.open();
    return levelKv(level as unknown as Level, () => level.snapshot() as LevelSnapshot);
  });
}
