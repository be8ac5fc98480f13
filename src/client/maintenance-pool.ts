import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseStoreError } from '../errors.js';
import { Control } from '../memory/control.js';
import { Bell } from '../shard/bell.js';
import type { CheckpointOrder, SavedCheckpoint } from '../shard/checkpoint-order.js';
import { type Answer, unwrap } from '../shard/control-api.js';
import { settleDeadCheckpoint, settleDeadSync } from '../shard/dead-thread.js';
import { ThreadPool, ThreadStartError } from './thread-pool.js';

const WORKER = new URL('../../workers/maintenance.js', import.meta.url);

/** A sync thread that dies is replaced after a pause, twice as long each time until one lives for long. */
const PAUSE_MS = 20;
const PAUSE_MS_MAX = 1000;
const SOUND_AFTER_MS = 10_000;

interface MaintainedLog {
  readonly control: Control;
  /** Directory of the shard. */
  readonly directory: string;
}

/**
 * The threads beside the shards: one that syncs their logs, one for checkpoints and backups. Either is replaced if it dies.
 * Each is a pool of its own: the second lowers its priority for good, and syncs are waited for.
 */
export class MaintenancePool {
  readonly #syncs = new ThreadPool({ worker: WORKER, name: 'runMaintenance', threads: 1 });
  readonly #checkpoints = new ThreadPool({ worker: WORKER, name: 'runMaintenance', threads: 1 });
  readonly #bellMemory: SharedArrayBuffer;
  readonly #bell: Bell;
  readonly #intervalMs: number;
  readonly #logs: readonly MaintainedLog[];
  readonly #syncing: Promise<void>;

  constructor(bell: SharedArrayBuffer, intervalMs: number, logs: readonly MaintainedLog[]) {
    this.#bellMemory = bell;
    this.#bell = new Bell(bell);
    this.#intervalMs = intervalMs;
    this.#logs = logs;
    this.#syncing = this.#keepSyncing();
  }

  /** One checkpoint at a time: they share the thread's reader row. */
  async checkpoint(order: CheckpointOrder): Promise<SavedCheckpoint> {
    return unwrap(await this.#runCheckpoint(order));
  }

  /** Lets what runs finish, and ends the threads. */
  async close(): Promise<void> {
    this.#bell.stop();
    await this.#syncing;
    await Promise.all([this.#syncs.end(), this.#checkpoints.end()]);
  }

  async #runCheckpoint(order: CheckpointOrder): Promise<Answer<SavedCheckpoint>> {
    try {
      return await this.#checkpoints.run({ kind: 'checkpoint', ...order });
    } catch (cause) {
      // It could not tidy up itself.
      settleDeadCheckpoint(new Control(order.control), order.row, order.replaces);
      if (cause instanceof ThreadStartError) throw cause;
      throw new LeaseStoreError(
        'ERR_HOLDFAST_IO',
        `the thread that wrote shard ${order.shard} to ${order.directory} died; what it wrote counts for nothing, try again`,
        { retryable: true, cause },
      );
    }
  }

  /** Ends when the bell says stop. */
  async #keepSyncing(): Promise<void> {
    const logs = this.#logs.map(({ control, directory }) => ({ control: control.buffer, directory }));
    const controls = this.#logs.map(({ control }) => control);
    for (let deaths = 0; ; ) {
      const sinceMs = performance.now();
      try {
        await this.#syncs.run({ kind: 'sync', bell: this.#bellMemory, intervalMs: this.#intervalMs, logs });
        return;
      } catch {
        settleDeadSync(controls);
      }
      if (performance.now() - sinceMs > SOUND_AFTER_MS) deaths = 0;
      // Where none can be started, all is synced by the shards themselves when they close.
      if (!this.#bell.stopped) await sleep(Math.min(PAUSE_MS * 2 ** deaths++, PAUSE_MS_MAX));
      if (this.#bell.stopped) return;
    }
  }
}
