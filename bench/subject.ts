import type { ActorKey } from '../src/index.js';
import type { Level } from './record.js';

type MaybePromise<T> = T | Promise<T>;

/** The leases that a measurement works on: all of them in a small store, a random choice in a large one. */
export interface Sample {
  readonly keys: readonly ActorKey[];
  /** Numbers of the actors, by place in the sample. */
  readonly actors: Uint32Array;
}

/**
 * Something that keeps leases, as a benchmark sees it. Leases are addressed by their place in the held {@link Sample}, so
 * that whatever a call needs (keys, grants, buffers) is made before anything is timed.
 */
export interface Subject {
  readonly level: Level;
  /** How it was opened, in the words of its own documentation. */
  readonly mode: string;
  /** Whether {@link Subject.get} answers without a promise. */
  readonly syncReads: boolean;
  /** Grants the actors with these numbers, which nobody holds. */
  load(from: number, to: number, ttlMs: number): Promise<void>;
  /** Makes ready what calls on these leases take. */
  hold(sample: Sample): void;
  /** Grants one more actor, which nobody holds. */
  acquire(index: number, ttlMs: number): MaybePromise<unknown>;
  /** Moves one deadline; over when it is acknowledged. */
  renew(at: number): MaybePromise<unknown>;
  /** Moves the deadlines of `order[from..to)` in one call. */
  renewMany(order: Uint32Array, from: number, to: number): MaybePromise<unknown>;
  /** One lease, decoded. */
  get(at: number): MaybePromise<unknown>;
  /** Up to `limit` leases of one type in key order, each decoded, from the one at that place on. Answers how many. */
  scan(at: number, limit: number): MaybePromise<number>;
  /** Every lease of a type, or of a node, decoded. Answers how many. */
  all(of: { readonly type: string } | { readonly owner: string }): MaybePromise<number>;
  /** How many leases a type has. */
  count(type: string): MaybePromise<number>;
  /** Every lease of a type through a view in place; absent where there is none. Answers how many. */
  visit?: (type: string) => number;
  /** Absent where there is nothing of the kind to ask for. */
  checkpoint?: () => Promise<void>;
  close(): Promise<void>;
}

/** How a subject is opened. */
export interface SubjectSetup {
  readonly directory: string;
  readonly durability: 'written' | 'synced';
  readonly seed: number;
  /** Room for the token of each actor that will be loaded, which the subject keeps there if it has any. */
  readonly tokens: Float64Array;
  /** Options of an engine of this project that differ from their defaults. */
  readonly options: Readonly<Record<string, unknown>>;
}

export type OpenSubject = (setup: SubjectSetup) => Promise<Subject>;
