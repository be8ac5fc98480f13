import { systemClock } from '../../clock.js';
import { nodeFileSystem } from '../../io/node-file-system.js';
import type { ResolvedOptions } from '../../options.js';
import type { AsyncLeaseStore } from '../engine.js';
import { unsupported } from '../semantics/failures.js';
import { type NativePackage, probeNative } from '../semantics/native-package.js';
import { openStoreDirectory } from '../semantics/store-directory.js';
import { KvStore } from './kv-store.js';
import { levelError } from './level-kv.js';
import type { OrderedKv } from './ordered-kv.js';

/** Opens the library's own store in `path`, which must be there already unless `createIfMissing`. */
export type OpenKv = (path: string, createIfMissing: boolean) => Promise<OrderedKv>;

/** Opens a store of leases over a library; whatever fails, nothing stays open or locked. */
export async function openKvStore<V>(
  options: ResolvedOptions,
  library: NativePackage,
  openKv: OpenKv,
): Promise<AsyncLeaseStore<V>> {
  if (options.onRestart !== 'keep-deadlines') {
    throw unsupported(options.engine, `onRestart: '${options.onRestart}'`, "it always works as 'keep-deadlines'");
  }
  await probeNative(library);
  const directory = await openStoreDirectory(nodeFileSystem(), options);
  try {
    const kv = await openKv(directory.dataPath, !directory.manifest.ready).catch((error) =>
      Promise.reject(levelError('open', error)),
    );
    try {
      return await KvStore.open<V>({ options, directory, kv, clock: systemClock() });
    } catch (error) {
      await kv.close();
      throw error;
    }
  } catch (error) {
    await directory.lock.release();
    throw error;
  }
}
