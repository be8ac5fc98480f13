import { isDeepStrictEqual } from 'node:util';
import type { Lease } from '../lease.js';
import type { AsyncLeaseStore } from '../lease-store.js';
import { compareKeys } from './keys.js';

/** One key and what each of two stores holds for it. */
export interface Joined<V> {
  readonly left: Lease<V> | undefined;
  readonly right: Lease<V> | undefined;
}

export type Leases<V> = Iterable<Lease<V>> | AsyncIterable<Lease<V>>;

/** Leases that are worked on together. */
export const SLICE = 512;

/** Walks two runs of leases, each in key order, side by side. */
export async function* joinLeases<V>(left: Leases<V>, right: Leases<V>): AsyncGenerator<Joined<V>> {
  const [l, r] = [new Run(left), new Run(right)];
  try {
    let [a, b] = [await l.next(), await r.next()];
    while (a !== undefined || b !== undefined) {
      const order = a === undefined ? 1 : b === undefined ? -1 : compareKeys(a.key, b.key);
      yield { left: order <= 0 ? a : undefined, right: order >= 0 ? b : undefined };
      if (order <= 0) a = await l.next();
      if (order >= 0) b = await r.next();
    }
  } finally {
    await l.close();
    await r.close();
  }
}

/** Walks two runs of leases, each in key order (or in reverse), as one. Of equal keys the left one comes first. */
export async function* mergeLeases<V>(
  left: Leases<V>,
  right: Leases<V>,
  reverse: boolean,
): AsyncGenerator<{ readonly lease: Lease<V>; readonly isLeft: boolean }> {
  const [l, r] = [new Run(left), new Run(right)];
  try {
    let [a, b] = [await l.next(), await r.next()];
    while (a !== undefined || b !== undefined) {
      const order = a === undefined ? 1 : b === undefined ? -1 : compareKeys(a.key, b.key) * (reverse ? -1 : 1);
      const isLeft = order <= 0;
      yield { lease: (isLeft ? a : b) as Lease<V>, isLeft };
      if (isLeft) a = await l.next();
      else b = await r.next();
    }
  } finally {
    await l.close();
    await r.close();
  }
}

/** Whether two stores tell the same of a key: all that a caller can see of the lease. */
export function sameLease<V>(a: Lease<V> | undefined, b: Lease<V> | undefined): boolean {
  return isDeepStrictEqual(a, b);
}

/** Everything stored, what has expired and was not swept yet included. */
export function storedLeases<V>(store: Pick<AsyncLeaseStore<V>, 'range'>): Leases<V> {
  return store.range({ includeExpired: true });
}

/** Runs of at most {@link SLICE}. */
export async function* slicesOf<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T[]> {
  let slice: T[] = [];
  for await (const item of items) {
    if (slice.push(item) < SLICE) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}

class Run<V> {
  readonly #iterator: Iterator<Lease<V>> | AsyncIterator<Lease<V>>;

  constructor(leases: Leases<V>) {
    this.#iterator =
      Symbol.asyncIterator in leases
        ? leases[Symbol.asyncIterator]()
        : (leases as Iterable<Lease<V>>)[Symbol.iterator]();
  }

  async next(): Promise<Lease<V> | undefined> {
    const result = await this.#iterator.next();
    return result.done === true ? undefined : result.value;
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
