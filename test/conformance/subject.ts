import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ErrorCode, LeaseStoreError } from '../../src/errors.js';
import type { Acquired, ActorKey, Lease } from '../../src/lease.js';
import type { AsyncLeaseStore, EngineName, Supports } from '../../src/lease-store.js';
import type { StoreOptions } from '../../src/options.js';
import { temporaryDirectory } from '../support/env.js';

export type AnyStore = AsyncLeaseStore<unknown>;
export type Open = (options: StoreOptions) => Promise<AnyStore>;

/** An engine on trial. */
export interface Subject {
  readonly name: EngineName;
  readonly open: Open;
  /** What the engine says it does, which is what it is held to. */
  readonly supports: Supports;
}

/** Long enough that nothing expires while a test runs. */
export const LONG_MS = 3_600_000;

const root = temporaryDirectory();

/** A new empty directory, removed with all others when the process ends. */
export function newDirectory(): string {
  return mkdtempSync(join(root, 'store-'));
}

/** A test on a store of its own, closed behind it. */
export function onStore(
  subject: Subject,
  name: string,
  body: (store: AnyStore) => Promise<void>,
  options: StoreOptions = {},
): void {
  test(`${subject.name}: ${name}`, async () => {
    const store = await subject.open({ engine: subject.name, directory: newDirectory(), ...options });
    try {
      await body(store);
    } finally {
      await store.close();
    }
  });
}

export async function granted(outcome: Acquired | Promise<Acquired>): Promise<Lease> {
  const acquired = await outcome;
  assert.ok(acquired.ok, `expected a grant, got ${JSON.stringify(acquired)}`);
  return (acquired as { lease: Lease }).lease;
}

export async function collect<T>(items: Iterable<T> | AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function rejects(call: () => unknown, code: ErrorCode, says?: RegExp): Promise<void> {
  let error: unknown;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert.instance(error, LeaseStoreError, `expected ${code}, got ${String(error)}`);
  assert.is((error as LeaseStoreError).code, code, (error as LeaseStoreError).message);
  if (says !== undefined) assert.match((error as LeaseStoreError).message, says);
}

export const key = (id: string, type = 'player'): ActorKey => ({ type, id });

/** By the bytes of type and id, as every engine orders leases. */
export function compareKeys(a: ActorKey, b: ActorKey): number {
  return (
    Buffer.compare(Buffer.from(a.type), Buffer.from(b.type)) || Buffer.compare(Buffer.from(a.id), Buffer.from(b.id))
  );
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
