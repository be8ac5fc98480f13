import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Remote, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { Piscina } from 'piscina';
import { LeaseStoreError } from '../errors.js';
import type { Control } from '../memory/control.js';
import { type Answer, type ShardApi, unwrap } from '../shard/control-api.js';
import type { StartOrder } from '../shard/opening.js';
import type { RecoverySummary, ShardConfig } from '../shard/shard.js';
import { callTurn } from '../shard/wait.js';

/** One shard's thread as the opening thread sees it. */
interface ShardThread {
  readonly api: Remote<ShardApi>;
  readonly control: Control;
  /** Settles when the thread's task ends; rejects if it dies. */
  readonly ended: Promise<void>;
  readonly port: MessagePort;
}

const WORKER = new URL('../../workers/shard.js', import.meta.url);

/** The threads of all shards: as many as there are shards, each with one task that lasts as long as the store. */
export class ShardPool {
  readonly #pool: Piscina;
  readonly #threads: ShardThread[];

  /** `onDeath` hears of a thread that ended without being asked to. */
  constructor(
    configs: readonly ShardConfig[],
    controls: readonly Control[],
    onDeath: (shard: number, error: unknown) => void,
  ) {
    const threads = configs.length;
    this.#pool = new Piscina({
      filename: WORKER.href,
      name: 'runShard',
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
    });
    this.#threads = configs.map((config, shard) => this.#launch(config, controls[shard], onDeath));
  }

  async recover(): Promise<RecoverySummary[]> {
    const answers = this.#threads.map(({ api }, shard) =>
      this.#ask<Answer<RecoverySummary>>(shard, () => api.recover()).then(unwrap),
    );
    // All of them, even if one fails: a thread must not be ended while it is still loading.
    await Promise.allSettled(answers);
    return Promise.all(answers);
  }

  async start(order: StartOrder): Promise<void> {
    await Promise.all(
      this.#threads.map(({ api }, shard) => this.#ask<Answer<void>>(shard, () => api.start(order)).then(unwrap)),
    );
  }

  /** Lets every shard finish what waits and close its log, then ends the threads. */
  async stop(): Promise<void> {
    const ends = this.#threads.map(({ api, control, ended }) => {
      // Its answer may be overtaken by the end of the thread, which is what counts.
      void api.stop();
      callTurn(control);
      return ended;
    });
    const results = await Promise.allSettled(ends);
    await this.destroy();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Ends the threads where they stand. */
  async destroy(): Promise<void> {
    for (const { port } of this.#threads) port.close();
    await this.#pool.destroy();
  }

  #launch(config: ShardConfig, control: Control, onDeath: (shard: number, error: unknown) => void): ShardThread {
    const { port1, port2 } = new MessageChannel();
    const task = { config, port: port2 };
    const ended: Promise<void> = this.#pool.run(task, { transferList: [port2] });
    ended.catch((error) => onDeath(config.shard, error));
    return { api: wrap<ShardApi>(nodeEndpoint(port1)), control, ended, port: port1 };
  }

  /** A call to a dead thread never settles: whichever comes first, its answer or the thread's end. */
  #ask<T>(shard: number, call: () => Promise<T>): Promise<T> {
    const gone = this.#threads[shard].ended.then(() => {
      throw new LeaseStoreError('ERR_HOLDFAST_CLOSED', `the thread of shard ${shard} has ended`);
    });
    gone.catch(() => {});
    return Promise.race([call(), gone]);
  }
}
