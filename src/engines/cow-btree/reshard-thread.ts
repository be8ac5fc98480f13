import { MessageChannel } from 'node:worker_threads';
import { ThreadPool } from '../../client/thread-pool.js';
import { LeaseStoreError } from '../../errors.js';
import type { Progress } from '../../lease-store.js';
import type { Manifest } from '../../manifest.js';
import type { ReshardOrder } from '../../reshard/reshard.js';
import { type Answer, unwrap } from '../../shard/control-api.js';

const WORKER = new URL('../../../workers/maintenance.js', import.meta.url);

/** Reshards a store on a thread of its own: with millions of leases it takes seconds. Answers the manifest that now holds. */
export async function reshardOnThread(
  order: ReshardOrder,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<Manifest> {
  const pool = new ThreadPool({ worker: WORKER, name: 'runMaintenance', threads: 1 });
  const { port1, port2 } = new MessageChannel();
  if (onProgress !== undefined) port1.on('message', onProgress);
  try {
    const task = { kind: 'reshard', ...order, port: port2 };
    const answer: Answer<Manifest> = await pool.run(task, { transferList: [port2] });
    return unwrap(answer);
  } catch (cause) {
    if (cause instanceof LeaseStoreError) throw cause;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_IO',
      `the thread that spread the leases of ${order.directory} over other shards died; the store is whole, with the old shards or the new ones: open it again`,
      { retryable: true, cause },
    );
  } finally {
    port1.close();
    await pool.end();
  }
}
