import { setTimeout as sleep } from 'node:timers/promises';
import { HEALTH_SYNC_FAILED } from '../../native-layout/shard-control.js';
import type { TimeBase } from '../clock.js';
import { LeaseStoreError } from '../errors.js';
import type { Control } from '../memory/control.js';
import { unwrap } from '../shard/control-api.js';
import type { StartOrder } from '../shard/opening.js';
import type { RecoverySummary, ShardConfig } from '../shard/shard.js';
import { ShardThread } from './shard-thread.js';
import { ThreadPool, ThreadStartError } from './thread-pool.js';

const WORKER = new URL('../../workers/shard.js', import.meta.url);

/** A thread that dies soon after it was replaced is replaced after a pause, twice as long each time. */
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 5000;
/** A thread that lived for so long counts as sound. */
const SOUND_AFTER_MS = 10_000;
/** A shard that could not be taken over so many times in a row is given up. */
const TRIES_MAX = 8;

/** What becomes of shards while the store is open. */
export interface ShardEvents {
  /** A thread died; what was under way to it may or may not have been carried out. */
  readonly onDeath: (shard: number, cause: unknown) => void;
  /** Another thread has taken over. */
  readonly onRestart: (shard: number) => void;
  /** None can for now, because something is full or no thread can be started; it is tried again until there is room. */
  readonly onBlocked: (shard: number, error: LeaseStoreError) => void;
  /** None could. */
  readonly onDown: (shard: number, error: LeaseStoreError) => void;
}

/**
 * The threads of all shards: as many as there are shards, each with one task that lasts as long as the store. One that
 * dies is replaced; the new one takes over the memory of the old.
 */
export class ShardPool {
  readonly #pool: ThreadPool;
  readonly #configs: readonly ShardConfig[];
  readonly #controls: readonly Control[];
  readonly #events: ShardEvents;
  /** `undefined` for a shard that is down. */
  readonly #threads: (ShardThread | undefined)[];
  readonly #replacing = new Map<number, Promise<void>>();
  #stopping = false;

  constructor(configs: readonly ShardConfig[], controls: readonly Control[], events: ShardEvents) {
    this.#configs = configs;
    this.#controls = controls;
    this.#events = events;
    this.#pool = new ThreadPool({ worker: WORKER, name: 'runShard', threads: configs.length });
    this.#threads = configs.map((_, shard) => this.#launch(shard));
  }

  async recover(): Promise<RecoverySummary[]> {
    const answers = this.#alive.map((thread) => thread.ask((api) => api.recover()).catch(startFailed));
    // All of them, even if one fails: a thread must not be ended while it is still loading.
    await Promise.allSettled(answers);
    return Promise.all(answers);
  }

  async start(order: StartOrder): Promise<void> {
    await Promise.all(this.#alive.map((thread) => thread.ask((api) => api.start(order)).catch(startFailed)));
    for (const [shard, thread] of this.#threads.entries()) if (thread) this.#watch(shard, thread, order.time, 0);
  }

  /**
   * Lets every shard finish what waits and close its log, then ends the threads. One that dies instead leaves a log with
   * all that it acknowledged, as a killed process does.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#replacing.values());
    const ends = await Promise.allSettled(this.#alive.map((thread) => thread.stop()));
    await this.destroy();
    for (const end of ends) if (end.status === 'fulfilled') unwrap(end.value);
  }

  /** Ends the threads where they stand. */
  async destroy(): Promise<void> {
    this.#stopping = true;
    for (const thread of this.#alive) thread.release();
    await this.#pool.end();
  }

  get #alive(): ShardThread[] {
    return this.#threads.filter((thread) => thread !== undefined);
  }

  #launch(shard: number): ShardThread {
    return new ShardThread(this.#pool, this.#configs[shard], this.#controls[shard]);
  }

  /** Replaces the thread should it die. `deaths`: how many came before, in a row. */
  #watch(shard: number, thread: ShardThread, time: TimeBase, deaths: number): void {
    const sinceMs = performance.now();
    thread.ended.catch((cause) => {
      thread.release();
      this.#threads[shard] = undefined;
      this.#events.onDeath(shard, cause);
      const inRow = performance.now() - sinceMs > SOUND_AFTER_MS ? 1 : deaths + 1;
      const replacing = this.#replace(shard, time, inRow, 1, cause).catch((error) => {
        this.#events.onDown(shard, error);
      });
      this.#replacing.set(shard, replacing);
    });
  }

  /** `deaths`: how many there were in a row, for the pause; `tries`: how many since a thread last ran. */
  async #replace(shard: number, time: TimeBase, deaths: number, tries: number, cause: unknown): Promise<void> {
    if (this.#stopping) throw downError(shard, 'while the store was being closed', cause);
    if ((this.#controls[shard].health & HEALTH_SYNC_FAILED) !== 0) {
      throw downError(shard, 'after a sync of its log had failed', cause);
    }
    if (tries > TRIES_MAX) throw downError(shard, `and ${TRIES_MAX} others could not take over`, cause);
    if (deaths > 1) await sleep(Math.min(PAUSE_MS * 2 ** (deaths - 2), PAUSE_MS_MAX));
    const thread = this.#launch(shard);
    try {
      await thread.ask((api) => api.resume(time));
    } catch (error) {
      await this.#expectReplaceable(thread, error);
      const blocked = passes(error);
      if (blocked) this.#events.onBlocked(shard, error);
      return this.#replace(shard, time, deaths + 1, blocked ? tries : tries + 1, error);
    }
    this.#threads[shard] = thread;
    this.#watch(shard, thread, time, deaths);
    this.#events.onRestart(shard);
  }

  /** The new thread died as well, or the disk stood in its way: another may do better. With damaged memory, none would. */
  async #expectReplaceable(thread: ShardThread, error: unknown): Promise<void> {
    // It may still run, and must not go on when the next one has taken over.
    await thread.stop().catch(() => {});
    thread.release();
    if (error instanceof LeaseStoreError && error.code === 'ERR_HOLDFAST_CORRUPT') throw error;
  }
}

/** A full disk, full memory and a want of descriptors go away without anybody opening the store again. */
function passes(error: unknown): error is LeaseStoreError {
  if (!(error instanceof LeaseStoreError)) return false;
  if (error instanceof ThreadStartError) return true;
  return error.code === 'ERR_HOLDFAST_DISK_FULL' || error.code === 'ERR_HOLDFAST_FULL';
}

/** What a shard answers is told as it is; anything else is what its thread died of. */
function startFailed(cause: unknown): never {
  if (cause instanceof LeaseStoreError) throw cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new LeaseStoreError('ERR_HOLDFAST_IO', `the thread of a shard died while the store was being opened: ${why}`, {
    retryable: true,
    cause,
  });
}

function downError(shard: number, when: string, cause: unknown): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_READ_ONLY',
    `the thread of shard ${shard} died ${when} and was not replaced; reads go on, close the store and open it again to write`,
    { cause },
  );
}
