import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Lease, LeaseReads } from '../../index.js';
import type { Acknowledged, Acknowledgements } from './acknowledgements.js';
import { actor } from './workload.js';

export interface Proof {
  readonly checked: number;
  /** How many were found renewed once more than was acknowledged: by an operation under way at the kill. */
  readonly ahead: number;
  /** What is wrong, in words; empty if nothing is. */
  readonly faults: readonly string[];
}

/** Leases between two turns of the event loop. */
const SLICE = 5000;

/**
 * Holds the recovered store against what was acknowledged: each lease must be there exactly so, or in the one state
 * after it, since no actor ever had more than one operation under way.
 */
export async function prove(
  store: LeaseReads<unknown>,
  seed: number,
  acknowledged: Acknowledgements,
  onProgress: (checked: number) => void,
): Promise<Proof> {
  const faults: string[] = [];
  let checked = 0;
  let ahead = 0;
  for (let index = 0; index < acknowledged.size; index++) {
    const promise = acknowledged.of(index);
    if (promise === undefined) continue;
    const lease = store.get(actor(seed, index));
    const fault = judge(promise, lease);
    if (fault !== undefined) faults.push(`actor ${index}: ${fault}`);
    else if (lease?.renewals !== promise.renewals) ahead++;
    if (++checked % SLICE === 0) {
      onProgress(checked);
      await nextTurn();
    }
  }
  return { checked, ahead, faults };
}

/** What is wrong with a lease, given its last acknowledgement; undefined if nothing is. */
export function judge(promise: Acknowledged, lease: Lease | undefined): string | undefined {
  const { token, expiresAtMs, renewals } = promise;
  if (lease === undefined) return `acknowledged with token ${token}, not there`;
  if (lease.token !== token) return `acknowledged token ${token}, found ${lease.token}`;
  const more = lease.renewals - renewals;
  if (more < 0 || more > 1) return `acknowledged after ${renewals} renewals, found after ${lease.renewals}`;
  if (more === 0 ? lease.expiresAtMs === expiresAtMs : lease.expiresAtMs >= expiresAtMs) return undefined;
  return `acknowledged until ${expiresAtMs}, found until ${lease.expiresAtMs}`;
}
