import { amplification } from './amplification.js';
import { control } from './control.js';
import { renewEvenly } from './even.js';
import { expiry } from './expiry.js';
import { idle } from './idle.js';
import { bulkImport } from './import.js';
import { mixed } from './mixed.js';
import { paced, unpaced } from './profiles.js';
import { count, get, page, scan, views, wholeNode, wholeType } from './read.js';
import { recovery, recoveryFromCheckpoint } from './recovery.js';
import { renewAwaited, renewBatched, renewNode, renewPipelined } from './renew.js';
import { stalls } from './stalls.js';
import type { SoloWorkload, Workload } from './workload.js';

/** Workloads that share one loaded subject, in this order. */
export const SHARED: readonly Workload[] = [
  renewAwaited,
  renewPipelined,
  renewBatched,
  renewNode,
  renewEvenly,
  get,
  page,
  scan,
  wholeType,
  views,
  wholeNode,
  count,
  mixed,
  idle,
  stalls,
  amplification,
];

/** Workloads that have a process each. */
export const SOLO: readonly SoloWorkload[] = [
  paced,
  unpaced,
  recovery,
  recoveryFromCheckpoint,
  bulkImport,
  expiry,
  control,
];

/** What a quick run looks at, unless it is told what to. */
export const QUICK: readonly string[] = [
  ...[renewAwaited, renewPipelined, renewBatched, renewNode, get, scan, wholeType, wholeNode, count],
  ...[recovery, control],
].map(({ name }) => name);

/** Some shared workloads again, on a tenth and on ten times the leases. */
export const GROWTH = 'growth';
export const GROWING: readonly string[] = [renewAwaited, renewBatched, get, page, count].map(({ name }) => name);

export const WORKLOAD_NAMES: readonly string[] = [...SHARED, ...SOLO].map(({ name }) => name).concat(GROWTH);
