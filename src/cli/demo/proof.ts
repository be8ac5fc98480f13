import type { LeaseReads } from '../../lease-store.js';
import type { Acknowledged } from './acknowledgements.js';
import { actor } from './workload.js';

export interface Proof {
  readonly checked: number;
  /** What is wrong, in words; empty if nothing is. */
  readonly faults: readonly string[];
}

/**
 * Holds the recovered store against what it acknowledged: each lease is there with its token, and with its deadline or
 * the later one of a renewal that was under way at the kill.
 */
export function prove(store: LeaseReads<unknown>, seed: number, promises: Iterable<Acknowledged>): Proof {
  const faults: string[] = [];
  let checked = 0;
  for (const { index, token, expiresAtMs } of promises) {
    checked++;
    const lease = store.get(actor(seed, index));
    if (lease === undefined) faults.push(`actor ${index}: acknowledged with token ${token}, not there`);
    else if (lease.token !== token) faults.push(`actor ${index}: acknowledged token ${token}, found ${lease.token}`);
    else if (lease.expiresAtMs < expiresAtMs) {
      faults.push(`actor ${index}: acknowledged until ${expiresAtMs}, found ${lease.expiresAtMs}`);
    }
  }
  return { checked, faults };
}
