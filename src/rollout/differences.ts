import { LeaseStoreError } from '../errors.js';
import type { ActorKey, Lease } from '../lease.js';
import type { AsyncLeaseStore } from '../lease-store.js';
import { joinLeases, sameLease, storedLeases } from './lease-join.js';
import type { Mirror } from './mirror.js';

export interface Walk {
  /** The highest token that either store holds. */
  readonly tokenHigh: number;
  /** Drops of the mirror when the walk began: after another one, it may have missed something. */
  readonly dropped: number;
}

/** Walks that one call makes when writes overflow the mirror meanwhile. */
const WALKS_MAX = 10;

/**
 * Walks both stores and has every copy brought up to date that is not as it should be, of the keys that `moves` names.
 * What it reads may be out of date by then: it only points at keys, and the mirror looks for itself.
 */
export async function touchDifferences<V>(
  primary: AsyncLeaseStore<V>,
  secondary: AsyncLeaseStore<V>,
  mirror: Mirror<V>,
  moves: (key: ActorKey) => boolean,
): Promise<Walk> {
  for (let walks = 0; walks < WALKS_MAX; walks++) {
    const { dropped } = mirror;
    let tokenHigh = 0;
    for await (const { left, right } of joinLeases(storedLeases(primary), storedLeases(secondary))) {
      tokenHigh = Math.max(tokenHigh, left?.token ?? 0, right?.token ?? 0);
      const { key } = (left ?? right) as Lease<V>;
      if (!moves(key) || sameLease(left, right)) continue;
      if (mirror.crowded) await mirror.transferPending();
      mirror.touch(key);
    }
    if (mirror.dropped === dropped) return { tokenHigh, dropped };
  }
  throw overflowed();
}

/** The mirror had no room for a write that a move depends on. */
export function overflowed(): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_OVERLOADED',
    'more keys change than the mirror has room for, so nothing was moved; raise mirrorPendingMax, or move when less goes on',
    { retryable: true },
  );
}
