import { type ErrorCode, LeaseStoreError, type Outcome } from '../errors.js';
import type { StartOrder } from './opening.js';
import type { TimeBase } from '../clock.js';
import type { RecoverySummary, ResumeSummary } from './shard.js';

/** What the opening thread asks of a shard, outside of the mailbox: a handful of calls in the life of a store. */
export interface ShardApi {
  recover(): Promise<Answer<RecoverySummary>>;
  start(order: StartOrder): Promise<Answer<void>>;
  /** Instead of the two above, for a shard whose thread died. */
  resume(time: TimeBase): Promise<Answer<ResumeSummary>>;
  stop(): Promise<Answer<void>>;
}

/** Errors lose their class and code on the way between threads, so they travel as data. */
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: SentError };

export interface SentError {
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly stack: string | undefined;
  readonly retryable: boolean;
  readonly outcome: Outcome;
}

export function answer<T>(work: () => T): Answer<T> {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    return { ok: false, error: sendable(error) };
  }
}

/** The value of an answer, or its error thrown here. */
export function unwrap<T>(given: Answer<T>): T {
  if (given.ok) return given.value;
  const { code, message, stack, retryable, outcome } = given.error;
  if (code !== undefined) throw new LeaseStoreError(code, message, { retryable, outcome });
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  throw error;
}

export function sendable(error: unknown): SentError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (error instanceof LeaseStoreError) {
    return { code: error.code, message, stack, retryable: error.retryable, outcome: error.outcome };
  }
  return { code: undefined, message, stack, retryable: false, outcome: 'not-applied' };
}
