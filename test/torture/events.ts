import type { Outcome } from '../../src/errors.js';
import type { Acquired, Lease, Released, Renewed } from '../../src/lease.js';

/*
 * What a tortured process tells its driver, one JSON object a line. A call is told of before it is made and after it was
 * answered, so that the driver knows what was under way when the process died. Times are store time.
 */

/** One operation on each of `keys`; a flush and a checkpoint have none. */
export type Operation =
  | {
      readonly kind: 'acquire';
      readonly keys: readonly string[];
      readonly owner: string;
      readonly ttlMs: number;
      readonly value: string | undefined;
      readonly synced: boolean;
    }
  | {
      readonly kind: 'renew';
      readonly keys: readonly string[];
      readonly tokens: readonly number[];
      /** Without it, each lease's own. */
      readonly ttlMs: number | undefined;
      readonly synced: boolean;
    }
  | {
      readonly kind: 'release';
      readonly keys: readonly string[];
      readonly tokens: readonly number[];
      readonly synced: boolean;
    }
  | { readonly kind: 'releaseOwner'; readonly keys: readonly string[]; readonly owner: string }
  | { readonly kind: 'flush' | 'checkpoint'; readonly keys: readonly [] };

export interface Failure {
  readonly code: string;
  readonly outcome: Outcome;
  readonly message: string;
}

/** What the store answered for one key; for a `releaseOwner`, that all of the owner's are released. */
export type Answer = Acquired<string> | Renewed | Released | { readonly failed: Failure };

export type Event =
  /** The store is open; no lease was read yet. */
  | { readonly e: 'open'; readonly storeMs: number }
  /** One stored lease, expired ones included, as one snapshot shows them all. */
  | { readonly e: 'found'; readonly lease: Lease<string>; readonly live: boolean }
  | { readonly e: 'audited'; readonly atMs: number; readonly stored: number }
  | { readonly e: 'begin'; readonly call: number; readonly atMs: number; readonly operation: Operation }
  | { readonly e: 'end'; readonly call: number; readonly atMs: number; readonly answers: readonly Answer[] }
  | {
      readonly e: 'read';
      readonly key: string;
      readonly fromMs: number;
      readonly toMs: number;
      readonly lease: Lease<string> | undefined;
    }
  /** `failure` where closing failed. */
  | { readonly e: 'closed'; readonly failure: Failure | undefined }
  /** The store could not be opened. */
  | { readonly e: 'refused'; readonly failure: Failure }
  /** Something was thrown that is no `LeaseStoreError`. */
  | { readonly e: 'bug'; readonly stack: string };

/** Where `clock-shift.ts` leaves the function that moves the clock of its thread. */
export const SHIFT_CLOCK = Symbol.for('holdfast.torture.shift-clock');

/** The driver's words to a process, one a line: make an end; move the clock. */
export type Command = 'stop' | `clock ${number}`;
