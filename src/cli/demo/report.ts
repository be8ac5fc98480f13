import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { type CowBtreeStore, type Durability, type Lease, openStore, type WaitStrategy } from '../../index.js';
import { LOAD_BATCH } from './load.js';
import * as measure from './measure.js';
import { paced } from './paced.js';
import type { ProgressLine } from '../progress.js';
import type { Answered } from './queries.js';
import type { Row } from './table.js';
import { HIGH_THROUGHPUT, LEASE, NODES } from './workload.js';

type Store = CowBtreeStore<unknown>;

export const count = (value: number) => Math.round(value).toLocaleString('en');
const percent = (share: number, digits = 0) => `${(share * 100).toFixed(digits)} %`;

/** What was found out before there was anything to measure. */
export interface Earlier {
  readonly loadedPerSecond: number;
  readonly recoveryMs: number;
  readonly replayed: number;
  readonly queries: readonly Answered[];
}

const WAIT_STRATEGIES: readonly WaitStrategy[] = ['adaptive', 'spin', 'park'];
/** Of a run in full length. */
const PACED_SECONDS = 1.5;
const IDLE_SECONDS = 2;
const BATCH = 1000;
const IN_FLIGHT = 256;

export interface Setting {
  readonly durability: Durability;
  /** Length of the measurements, as a share of their full one. */
  readonly length: number;
  readonly progress: ProgressLine;
}

/** Measures the big store; `leases` are some of its leases. */
export async function measureStore(
  store: Store,
  leases: readonly Lease[],
  earlier: Earlier,
  { durability, length, progress }: Setting,
): Promise<Row[]> {
  const extent = (operations: number, seconds: number) => ({
    operations: Math.ceil(operations * length),
    seconds: seconds * length,
  });
  progress.tell('renewals, one at a time');
  const awaited = await measure.awaitedRenewals(store, leases, extent(100_000, 3));
  // The last renewal of a shard was a commit of its own.
  const shared = Math.min(...store.metrics().shards.map(({ nodes }) => nodes.sharedByLastCommit));
  progress.tell('renewals, many at a time');
  const pipelined = await measure.pipelinedRenewals(store, leases, IN_FLIGHT, extent(1_000_000, 2));
  const batched = await measure.batchedRenewals(store, leases, BATCH, extent(2_000_000, 2));
  const beating = await measure.heartbeats(store, NODES[0], extent(2_000_000, 2));
  progress.tell('gets');
  const gets = await measure.gets(store, leases, extent(300_000, 2));
  progress.tell('doing nothing');
  const idle = await measure.idleCpu(IDLE_SECONDS * length);
  const walked = earlier.queries[0];
  return [
    {
      what: 'write: P50 / P95 / P99 µs',
      target: 'P95 < 15',
      projected: 'P95 8',
      measured: awaited,
      how: `awaited renew of a grant as a request brings it, '${durability}', one in flight`,
    },
    {
      what: 'read: P50 / P95 / P99 µs',
      target: 'P95 < 5',
      projected: 'P95 2',
      measured: gets,
      how: 'get of a key as a request brings it, each timed alone, without the clock',
    },
    {
      what: 'recovery',
      target: '< 5 s',
      projected: '3 s',
      measured: `${(earlier.recoveryMs / 1000).toFixed(2)} s`,
      how: `after SIGKILL: checkpoint + ${count(earlier.replayed)} log records, everything checked`,
    },
    ...memoryRows(store, shared),
    { what: 'renewals/s, pipelined', measured: count(pipelined), how: `'${durability}', ${IN_FLIGHT} renew in flight` },
    { what: 'renewals/s, batched', measured: count(batched), how: `'${durability}', two renewMany of ${count(BATCH)}` },
    {
      what: 'renewals/s, heartbeat',
      measured: count(beating),
      how: `'${durability}', one renewMany of all leases of a node`,
    },
    {
      what: 'acquires/s, loading',
      measured: count(earlier.loadedPerSecond),
      how: `'${durability}', two acquireMany of ${count(LOAD_BATCH)}, checkpoint included`,
    },
    { what: 'range rows/s', measured: count(walked.rowsPerSecond), how: `${walked.what}, each decoded` },
    { what: 'idle CPU', measured: percent(idle, 2), how: `of one core, over ${IDLE_SECONDS * length} s` },
  ];
}

function memoryRows(store: Store, shared: number): Row[] {
  const { shards } = store.metrics();
  const sum = (of: (nodes: (typeof shards)[number]['nodes']) => number) =>
    shards.reduce((total, { nodes }) => total + of(nodes), 0);
  const live = sum(({ allocated, retired }) => allocated - retired);
  const fill = store.recovery.reduce((total, shard) => total + shard.fill, 0) / shards.length;
  return [
    {
      what: 'memory efficiency',
      target: '> 90 %',
      projected: '90 %',
      measured: percent(shared, 2),
      how: 'nodes that successive commits share; batch of 1',
    },
    { what: 'fill', measured: percent(fill), how: 'live bytes / bytes of allocated nodes, as recovered' },
    {
      what: 'amplification',
      projected: '1.2',
      measured: (sum(({ peak }) => peak) / live).toFixed(2),
      how: 'peak / live nodes since the recovery',
    },
    {
      what: 'memory',
      measured: `${count(process.memoryUsage().rss / 2 ** 20)} MiB`,
      how: `resident; ${(sum(({ bytes }) => bytes) / store.count()).toFixed(0)} bytes of nodes a lease`,
    },
  ];
}

/** The RFC's profiles at their own pace, each in a small store under `directory`, under each wait strategy. */
export async function measurePaced(directory: string, { durability, length, progress }: Setting): Promise<Row[]> {
  const rows: Row[] = [];
  for (const profile of [LEASE, HIGH_THROUGHPUT]) {
    for (const waitStrategy of WAIT_STRATEGIES) {
      progress.tell(`${count(profile.perSecond)} operations a second, '${waitStrategy}'`);
      await using store = await openStore({
        engine: 'cow-btree',
        directory: mkdtempSync(join(directory, 'paced-')),
        durability,
        waitStrategy,
        shards: 1,
      });
      const { latency, cpuShare, mainThreadShare } = await paced(store, profile, PACED_SECONDS * length);
      rows.push({
        what: `write at ${count(profile.perSecond)} op/s: P50 / P95 / P99 µs`,
        target: 'P95 < 15',
        projected: 'P95 8',
        measured: latency,
        how: `'${waitStrategy}': CPU ${percent(cpuShare)}, main thread ${percent(mainThreadShare)}; '${durability}', "${profile.name}" profile`,
      });
    }
  }
  return rows;
}
