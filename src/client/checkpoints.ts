import { AT } from '../metrics/counters.js';
import type { CheckpointOrder } from '../shard/checkpoint-order.js';
import type { Control } from '../memory/control.js';
import type { SavedCheckpoint } from '../shard/checkpoint-order.js';
import type { ShardConfig } from '../shard/shard.js';
import { LeaseStoreError } from '../errors.js';
import { closedError } from './dispatcher.js';
import type { MaintenancePool } from './maintenance-pool.js';

const LOOK_EVERY_MS = 250;
/** After a failure the next try waits so long, twice as long each time, up to a limit. */
const BACK_OFF_MS = 1000;
const BACK_OFF_MS_MAX = 60_000;

/**
 * Decides when a shard needs a checkpoint: when its log has grown by as much as its last checkpoint is long, so that
 * checkpoints never write more than the log did, and at least by `walBytesMin`.
 */
export class Checkpoints {
  readonly #pool: MaintenancePool;
  readonly #configs: readonly ShardConfig[];
  readonly #controls: readonly Control[];
  readonly #row: number;
  readonly #walBytesMin: number;
  readonly #onDamage: (shard: number, error: LeaseStoreError) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #retryAtMs: number[];
  readonly #failures: number[];
  /** Orders are carried out one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #busy = 0;
  #closed = false;

  /** `onDamage` hears of a commit that was found damaged in memory. */
  constructor(
    pool: MaintenancePool,
    configs: readonly ShardConfig[],
    controls: readonly Control[],
    row: number,
    walBytesMin: number,
    onDamage: (shard: number, error: LeaseStoreError) => void,
  ) {
    this.#pool = pool;
    this.#configs = configs;
    this.#controls = controls;
    this.#row = row;
    this.#walBytesMin = walBytesMin;
    this.#onDamage = onDamage;
    this.#retryAtMs = configs.map(() => 0);
    this.#failures = configs.map(() => 0);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  /** A checkpoint of every shard, now. */
  async all(): Promise<void> {
    for (const { shard } of this.#configs) await this.#make(shard);
  }

  /** A copy of one shard's published commit, as a checkpoint of another store in its directory. */
  copyTo(shard: number, directory: string, storeId: Uint8Array): Promise<SavedCheckpoint> {
    return this.#enqueue({ ...this.#order(shard), storeId, directory, replaces: false });
  }

  /** Starts no more; resolves when what runs has ended. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closed = true;
    await this.#queue.catch(() => {});
  }

  #look(): void {
    if (this.#busy > 0) return;
    for (const { shard } of this.#configs) {
      if (performance.now() < this.#retryAtMs[shard] || !this.#isDue(shard)) continue;
      this.#make(shard).catch(() => {});
      return;
    }
  }

  #isDue(shard: number): boolean {
    const { doubles } = this.#controls[shard];
    const grown = doubles[AT.walBytes] - doubles[AT.walBytesAtCheckpoint];
    return grown >= Math.max(this.#walBytesMin, doubles[AT.checkpointBytes]);
  }

  async #make(shard: number): Promise<void> {
    try {
      await this.#enqueue(this.#order(shard));
      this.#failures[shard] = 0;
    } catch (error) {
      const waitMs = Math.min(BACK_OFF_MS * 2 ** this.#failures[shard]++, BACK_OFF_MS_MAX);
      this.#retryAtMs[shard] = performance.now() + waitMs;
      throw error;
    }
  }

  #order(shard: number): CheckpointOrder {
    const { storeId, directory, control, slabs, bell } = this.#configs[shard];
    return { shard, storeId, directory, replaces: true, control, slabs, bell, row: this.#row };
  }

  async #enqueue(order: CheckpointOrder): Promise<SavedCheckpoint> {
    if (this.#closed) throw closedError();
    const before = this.#queue;
    this.#busy++;
    const run = (async () => {
      await before.catch(() => {});
      return this.#pool.checkpoint(order);
    })();
    this.#queue = run;
    try {
      return await run;
    } catch (error) {
      if (error instanceof LeaseStoreError && error.code === 'ERR_HOLDFAST_CORRUPT') {
        this.#onDamage(order.shard, error);
      }
      throw error;
    } finally {
      this.#busy--;
    }
  }
}
