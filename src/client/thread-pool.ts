import { Piscina } from 'piscina';
import { LeaseStoreError } from '../errors.js';
import { type Unstarted, WaitingTasks } from './waiting-tasks.js';

/** A thread that dies on the way is replaced by one that must be waited for in turn. */
const TRIES_MAX = 5;

export interface ThreadPoolOptions {
  /** The module whose functions are the tasks. */
  readonly worker: URL;
  /** Name of the function that is run unless another is asked for. */
  readonly name: string;
  readonly threads: number;
}

/** `name`: of another function of the worker module. */
export type TaskOptions = Pick<NonNullable<Parameters<Piscina['run']>[1]>, 'name' | 'transferList'>;

/**
 * A fixed number of threads with one task each, most of which last as long as the store. One that dies is replaced when
 * there is something to do for it; if it cannot be started, as when there are no descriptors left to load its modules,
 * the tasks that wait for it fail with {@link ThreadStartError} instead of waiting until somebody starts another.
 */
export class ThreadPool {
  readonly #pool: Piscina;
  readonly #waiting = new WaitingTasks();

  constructor({ worker, name, threads }: ThreadPoolOptions) {
    this.#pool = new Piscina({
      filename: worker.href,
      name,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      taskQueue: this.#waiting,
    });
    // A thread that dies between two tasks is nobody's loss; one that dies on its way to its first is waited for.
    this.#pool.on('error', (cause) => this.#waiting.fail(new ThreadStartError(cause)));
  }

  /** Rejects if the thread dies, with {@link ThreadStartError} if the task never had one. */
  run<R>(task: object, options: TaskOptions = {}): Promise<R> {
    return new Promise((resolve, reject) => {
      const unstarted: Unstarted = { reject };
      const ticketed = { ...task, [Piscina.queueOptionsSymbol]: unstarted };
      this.#pool.run(ticketed, options).then(resolve, reject);
    });
  }

  /**
   * Ends the threads, of which `idle` have no task. Node aborts the whole process if a thread is terminated while it loads
   * its modules, which one that has just been put in place of a dead one does: so those without a task, each of which may
   * be such a one, are all met first.
   */
  async end(idle: number): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const arrived = new Int32Array(new SharedArrayBuffer(4));
      const giveUp = () => {
        Atomics.store(arrived, 0, idle);
        Atomics.notify(arrived, 0);
      };
      const meetings = Array.from({ length: idle }, () => this.run({ arrived, threads: idle }, { name: 'meet' }));
      for (const meeting of meetings) meeting.catch(giveUp);
      const ends = await Promise.allSettled(meetings);
      if (ends.every(({ status }) => status === 'fulfilled')) break;
    }
    await this.#pool.destroy();
  }
}

/** A thread could not even be started. What it was to do has not begun; it may be tried again when there is more room. */
export class ThreadStartError extends LeaseStoreError {
  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super('ERR_HOLDFAST_IO', `a thread could not be started, for want of descriptors or memory perhaps: ${why}`, {
      retryable: true,
      cause,
    });
  }
}
