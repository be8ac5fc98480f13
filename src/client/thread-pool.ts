import { Piscina } from 'piscina';
import { LeaseStoreError } from '../errors.js';
import { type Unstarted, WaitingTasks } from './waiting-tasks.js';

export interface ThreadPoolOptions {
  /** The module whose function is the task. */
  readonly worker: URL;
  readonly name: string;
  readonly threads: number;
}

type RunOptions = Pick<NonNullable<Parameters<Piscina['run']>[1]>, 'transferList'>;

/**
 * Up to a fixed number of threads with one task each, most of which last as long as the store. A thread is started for a
 * task that finds none at rest; one that dies is replaced by the next task. If it cannot be started, as when there are no
 * descriptors to load its modules or no memory, what waits for it fails with {@link ThreadStartError} instead of waiting
 * until somebody starts another.
 */
export class ThreadPool {
  readonly #pool: Piscina;
  readonly #waiting = new WaitingTasks();
  /** Ids of the threads that have loaded their modules: no other gets a task. */
  readonly #ready = new Set<number>();

  constructor({ worker, name, threads }: ThreadPoolOptions) {
    this.#pool = new Piscina({
      filename: worker.href,
      name,
      // Nothing is started but by `run`, which can tell whoever asked that it cannot be.
      minThreads: 0,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      taskQueue: this.#waiting,
      loadBalancer: (_task, workers) =>
        workers.find(({ id, currentUsage }) => currentUsage === 0 && this.#ready.has(id)) ?? null,
    });
    this.#pool.on('workerCreate', ({ id }) => this.#ready.add(id));
    this.#pool.on('workerDestroy', ({ id }) => {
      this.#ready.delete(id);
      // Behind the error that says why, if there is one.
      queueMicrotask(this.#expectLoading);
    });
    // A thread that dies between two tasks is nobody's loss; one that dies on its way to its first is waited for.
    this.#pool.on('error', (cause) => this.#waiting.fail(new ThreadStartError(cause)));
  }

  /** Rejects if the thread dies, with {@link ThreadStartError} if the task never had one. */
  run<R>(task: object, options: RunOptions = {}): Promise<R> {
    return new Promise((resolve, reject) => {
      const unstarted: Unstarted = { reject };
      const ticketed = { ...task, [Piscina.queueOptionsSymbol]: unstarted };
      try {
        this.#pool.run(ticketed, options).then(resolve, reject);
      } catch (cause) {
        this.#waiting.drop(unstarted);
        reject(new ThreadStartError(cause));
      }
    });
  }

  /**
   * Ends the threads. Node aborts the whole process if one is terminated while it loads its modules: those that do are
   * waited for.
   */
  async end(): Promise<void> {
    while (this.#loading > 0) await this.#nextEvent();
    await this.#pool.destroy();
  }

  get #loading(): number {
    return this.#pool.threads.filter(({ threadId }) => !this.#ready.has(threadId)).length;
  }

  /** A thread can end while it loads without an error that anybody hears of. */
  readonly #expectLoading = (): void => {
    if (this.#waiting.size > this.#loading) this.#waiting.fail(new ThreadStartError('it ended while it was loading'));
  };

  /** The next time that a thread is ready or gone. */
  #nextEvent(): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        this.#pool.off('workerCreate', over);
        this.#pool.off('workerDestroy', over);
        resolve();
      };
      this.#pool.on('workerCreate', over);
      this.#pool.on('workerDestroy', over);
    });
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
