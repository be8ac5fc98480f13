import { Piscina } from 'piscina';
import type { Control } from '../memory/control.js';
import type { SavedCheckpoint } from '../shard/checkpoint-order.js';
import { Bell } from '../shard/bell.js';
import type { CheckpointOrder } from '../shard/checkpoint-order.js';
import { type Answer, unwrap } from '../shard/control-api.js';

const WORKER = new URL('../../workers/maintenance.js', import.meta.url);

/** The threads beside the shards: one that syncs their logs, one for checkpoints and backups. */
export class MaintenancePool {
  readonly #pool: Piscina;
  readonly #bell: Bell;
  readonly #syncing: Promise<unknown>;
  readonly #loaded: Promise<unknown>;

  constructor(
    bell: SharedArrayBuffer,
    intervalMs: number,
    logs: readonly { readonly control: Control; readonly directory: string }[],
    onDeath: (error: unknown) => void,
  ) {
    this.#pool = new Piscina({
      filename: WORKER.href,
      name: 'runMaintenance',
      minThreads: 2,
      maxThreads: 2,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
    });
    this.#bell = new Bell(bell);
    const plain = logs.map(({ control, directory }) => ({ control: control.buffer, directory }));
    this.#syncing = this.#pool.run({ kind: 'sync', bell, intervalMs, logs: plain });
    this.#syncing.catch(onDeath);
    // The sync task never ends, so this one is taken by the other thread.
    this.#loaded = this.#pool.run({ kind: 'hello' });
    this.#loaded.catch(onDeath);
  }

  /** One checkpoint at a time: they share the thread's reader row. */
  async checkpoint(order: CheckpointOrder): Promise<SavedCheckpoint> {
    const answer: Answer<SavedCheckpoint> = await this.#pool.run({ kind: 'checkpoint', ...order });
    return unwrap(answer);
  }

  /** Lets what runs finish, and ends the threads. */
  async close(): Promise<void> {
    // Node aborts the whole process if a thread is terminated while it loads its modules.
    await this.#loaded.catch(() => {});
    this.#bell.stop();
    await this.#syncing.catch(() => {});
    await this.#pool.destroy();
  }
}
