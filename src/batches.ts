import { invalidArgument, LeaseStoreError } from './errors.js';
import { asArgumentError } from './own-fields.js';

/*
 * Lists that callers hand in, for all engines alike. They may be proxies, have methods of their own, or change while
 * they are read: only indices and lengths are asked for, each once, and what they throw becomes a typed error.
 */

/** How many requests a batch has. */
export function countRequests(requests: unknown): number {
  try {
    // Throws for a proxy that was revoked.
    if (Array.isArray(requests)) return requests.length;
  } catch (error) {
    throw asArgumentError(error, 'requests');
  }
  throw invalidArgument('requests', 'an array', requests);
}

/** One request of a batch that has been counted. */
export function requestAt(requests: unknown, i: number): unknown {
  try {
    return (requests as readonly unknown[])[i];
  } catch (error) {
    throw asArgumentError(error, `requests[${i}]`);
  }
}

/** What `make` makes of each request of a batch. */
export function mapRequests<T>(requests: unknown, make: (request: unknown, i: number) => T): T[] {
  const count = countRequests(requests);
  const made: T[] = [];
  for (let i = 0; i < count; i++) made.push(make(requestAt(requests, i), i));
  return made;
}

/** The leases of an import in slices of at most `most`, the last one shorter. */
export async function* leaseSlices(leases: unknown, most: number): AsyncGenerator<unknown[], void> {
  const { iterator, isAsync } = iteratorOf(leases);
  let isOver = false;
  const take = async (slice: unknown[]): Promise<void> => {
    try {
      while (slice.length < most) {
        const next: unknown = iterator.next();
        const step = isAsync ? await next : next;
        if (typeof step !== 'object' || step === null) throw new TypeError('an iterator must answer objects');
        isOver = Boolean((step as IteratorResult<unknown>).done);
        if (isOver) return;
        slice.push((step as IteratorResult<unknown>).value);
      }
    } catch (error) {
      // One that has thrown is over.
      isOver = true;
      throw unreadable(error);
    }
  };
  try {
    while (!isOver) {
      const slice: unknown[] = [];
      await take(slice);
      if (slice.length > 0) yield slice;
    }
  } finally {
    if (!isOver) await letGo(iterator);
  }
}

interface LeaseIterator {
  next(): unknown;
  return?(): unknown;
}

function iteratorOf(leases: unknown): { readonly iterator: LeaseIterator; readonly isAsync: boolean } {
  if (typeof leases === 'object' && leases !== null) {
    try {
      const asynchronous = (leases as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
      const open = asynchronous ?? (leases as Partial<Iterable<unknown>>)[Symbol.iterator];
      if (typeof open === 'function') {
        const iterator: unknown = Reflect.apply(open, leases, []);
        if (typeof iterator === 'object' && iterator !== null) {
          return { iterator: iterator as LeaseIterator, isAsync: asynchronous !== undefined && asynchronous !== null };
        }
      }
    } catch (error) {
      throw unreadable(error);
    }
  }
  throw invalidArgument('leases', 'an iterable or async iterable of leases', leases);
}

/** Tells an iterator that no more is wanted; what it thinks of that is its own affair. */
async function letGo(iterator: LeaseIterator): Promise<void> {
  try {
    await iterator.return?.();
  } catch {}
}

function unreadable(cause: unknown): LeaseStoreError {
  // Another store's, or that of a migration that was told to stop: it says best what is wrong.
  if (cause instanceof LeaseStoreError) return cause;
  return new LeaseStoreError(
    'ERR_HOLDFAST_INVALID_ARGUMENT',
    'leases must be an iterable that can be read to its end; reading it threw (see the cause)',
    { cause },
  );
}
