import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Remote, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { LeaseStoreError } from '../errors.js';
import type { Control } from '../memory/control.js';
import { type Answer, type ShardApi, unwrap } from '../shard/control-api.js';
import type { ShardConfig } from '../shard/shard.js';
import { callTurn } from '../shard/wait.js';
import type { ThreadPool } from './thread-pool.js';

/** One shard's thread as the opening thread sees it, from its launch to its end. */
export class ShardThread {
  /** Resolves when the thread's task ends, with whether the log could be closed; rejects if the thread dies. */
  readonly ended: Promise<Answer<void>>;
  readonly #shard: number;
  readonly #control: Control;
  readonly #api: Remote<ShardApi>;
  readonly #port: MessagePort;

  constructor(pool: ThreadPool, config: ShardConfig, control: Control) {
    const { port1, port2 } = new MessageChannel();
    this.#shard = config.shard;
    this.#control = control;
    this.#port = port1;
    this.#api = wrap<ShardApi>(nodeEndpoint(port1));
    this.ended = pool.run({ config, port: port2 }, { transferList: [port2] });
  }

  /** A call to a dead thread never settles: whichever comes first, its answer or the thread's end. */
  async ask<T>(call: (api: Remote<ShardApi>) => Promise<Answer<T>>): Promise<T> {
    const gone = this.ended.then(() => {
      throw new LeaseStoreError('ERR_HOLDFAST_CLOSED', `the thread of shard ${this.#shard} has ended`);
    });
    gone.catch(() => {});
    return unwrap(await Promise.race([call(this.#api), gone]));
  }

  /** Lets the shard finish what waits and close its log; settles as {@link ended} does. */
  stop(): Promise<Answer<void>> {
    // Its answer may be overtaken by the end of the thread, which is what counts.
    void this.#api.stop();
    callTurn(this.#control);
    return this.ended;
  }

  release(): void {
    this.#port.close();
  }
}
