import { LeaseStoreError } from '../../errors.js';
import type { Answer, Operation } from './rules.js';

/**
 * Carries out operations that belong together: all decided, stored, and synced if asked, or none. Answers in their
 * order, once the answers may be told.
 */
export type CommitGroup = (
  operations: readonly Operation[],
  synced: boolean,
) => readonly Answer[] | Promise<readonly Answer[]>;

interface Waiting {
  readonly operation: Operation;
  readonly synced: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Operations that one group takes at most. */
const GROUP_MAX = 1024;

/**
 * How long groups may follow each other without a turn of the event loop: where a commit waits for nothing, a caller's
 * loop of awaited calls would otherwise keep timers and sockets waiting for as long as it runs.
 */
const TURN_MS_MAX = 5;

/** Group commit: whatever arrives in one turn, or while a group is on its way, makes the next group. */
export class WriteQueue {
  readonly #commit: CommitGroup;
  readonly #pendingMax: number;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #turnedAtMs = 0;

  constructor(commit: CommitGroup, pendingMax: number) {
    this.#commit = commit;
    this.#pendingMax = pendingMax;
  }

  get pending(): number {
    return this.#waiting.length;
  }

  submit(operation: Operation, synced: boolean): Promise<Answer> {
    if (this.#waiting.length >= this.#pendingMax) return Promise.reject(overloaded(this.#pendingMax));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, synced, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves once everything submitted so far has been answered. */
  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // Lets the rest of the caller's turn join the first group.
    await null;
    while (this.#waiting.length > 0) {
      if (performance.now() - this.#turnedAtMs > TURN_MS_MAX) await this.#turn();
      const group = this.#waiting.splice(0, GROUP_MAX);
      try {
        const operations = group.map(({ operation }) => operation);
        const synced = group.some((waiting) => waiting.synced);
        const answers = await this.#commit(operations, synced);
        for (let i = 0; i < group.length; i++) group[i].resolve(answers[i]);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = undefined;
  }

  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#turnedAtMs = performance.now();
  }
}

function overloaded(pendingMax: number): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_OVERLOADED',
    `${pendingMax} operations wait already; await some before you send more, or raise pendingMax`,
    { retryable: true },
  );
}
