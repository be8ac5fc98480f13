import { count, get, scan, wholeNode, wholeType } from './read.js';
import { renewAwaited, renewBatched, renewPipelined } from './renew.js';
import type { Workload } from './workload.js';

/** Workloads that share one loaded subject, in this order. */
export const WORKLOADS: readonly Workload[] = [
  renewAwaited,
  renewPipelined,
  renewBatched,
  get,
  scan,
  wholeType,
  wholeNode,
  count,
];

export const WORKLOAD_NAMES: readonly string[] = WORKLOADS.map(({ name }) => name);
