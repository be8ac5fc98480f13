import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type CowBtreeStore, openStore } from '../../index.js';
import type { Durability, Lease } from '../../lease.js';
import type { WaitStrategy } from '../../options.js';
import { playAndKill } from './kill.js';
import * as measure from './measure.js';
import { ProgressLine } from './progress.js';
import { prove } from './proof.js';
import { type Row, table } from './table.js';
import { actor, nodeOf, TTL_MS } from './workload.js';

export interface DemoOptions {
  readonly leases: number;
  readonly shards: number | undefined;
  readonly seconds: number;
  readonly directory: string | undefined;
  readonly durability: Durability;
  readonly seed: number;
}

const BATCH = 2000;
const FAULTS_SHOWN = 10;

/** Runs the demo; answers the exit code: 1 if anything acknowledged is missing or wrong. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  const cleanUp = () => rmSync(scratch, { recursive: true, force: true });
  process.once('exit', cleanUp);
  process.once('SIGINT', () => process.exit(130));
  return perform({ ...options, directory: options.directory ?? join(scratch, 'store') }, scratch);
}

async function perform(options: DemoOptions & { directory: string }, scratch: string): Promise<number> {
  const { directory, durability, seed, leases } = options;
  const open = () => openStore({ directory, durability, ...(options.shards ? { shards: options.shards } : {}) });

  console.log(`Loading ${leases.toLocaleString('en')} leases (20 types, UUID ids, 5 nodes) into ${directory}`);
  let store = await open();
  const loadedPerSecond = await load(store, seed, leases);
  await store.close();

  console.log(`Playing the high throughput mix in a child process, and killing it after ${options.seconds} s`);
  const promised = await playAndKill([directory, String(seed), String(leases), durability], options.seconds);
  console.log(`  killed with SIGKILL after ${promised.count.toLocaleString('en')} acknowledged writes`);

  const started = performance.now();
  store = await open();
  const recoveryMs = performance.now() - started;
  const replayed = store.recovery.reduce((sum, shard) => sum + shard.replayed, 0);
  console.log(`  recovered in ${recoveryMs.toFixed(0)} ms (${replayed.toLocaleString('en')} log records replayed)`);
  try {
    const { checked, faults } = prove(store, seed, promised.last.values());
    const stored = store.count();
    console.log(`  ${checked.toLocaleString('en')} acknowledged leases checked, ${faults.length} missing or wrong`);
    for (const fault of faults.slice(0, FAULTS_SHOWN)) console.error(`  ${fault}`);
    if (stored < leases) console.error(`  ${leases - stored} of the leases loaded before are missing`);
    await show(store, options, scratch, { recoveryMs, loadedPerSecond, replayed });
    return faults.length === 0 && stored >= leases ? 0 : 1;
  } finally {
    await store.close();
  }
}

async function load(store: CowBtreeStore<unknown>, seed: number, leases: number): Promise<number> {
  const progress = new ProgressLine();
  const started = performance.now();
  let next = 0;
  let done = 0;
  const work = async () => {
    while (next < leases) {
      const from = next;
      next = Math.min(leases, next + BATCH);
      const requests = Array.from({ length: next - from }, (_, i) => ({
        key: actor(seed, from + i),
        owner: nodeOf(from + i),
        ttlMs: TTL_MS,
      }));
      for (const outcome of await store.acquireMany(requests)) {
        if (!outcome.ok)
          throw new Error(`a lease could not be loaded: ${outcome.reason}; is the directory in use already?`);
      }
      done += requests.length;
      progress.tell(`${done.toLocaleString('en')} of ${leases.toLocaleString('en')}`);
    }
  };
  // Two batches under way: one is prepared while the shard works on the other.
  await Promise.all([work(), work()]);
  await store.checkpoint();
  const perSecond = (leases / (performance.now() - started)) * 1000;
  progress.end(`loaded, ${Math.round(perSecond).toLocaleString('en')} a second, checkpoint included`);
  return perSecond;
}

interface Before {
  readonly recoveryMs: number;
  readonly loadedPerSecond: number;
  readonly replayed: number;
}

async function show(
  store: CowBtreeStore<unknown>,
  options: DemoOptions,
  scratch: string,
  before: Before,
): Promise<void> {
  const { SOME_NODE, SOME_TYPE } = measure;
  console.log('Coordination queries');
  const ofType = measure.rows(store, { type: SOME_TYPE });
  const ofNode = measure.rows(store, { owner: SOME_NODE });
  const ofBoth = measure.rows(store, { type: SOME_TYPE, owner: SOME_NODE });
  const counted = store.count({ type: SOME_TYPE, owner: SOME_NODE });
  for (const [what, { rows, perSecond }] of [
    [`all of ${SOME_TYPE}`, ofType],
    [`all on ${SOME_NODE}`, ofNode],
    ['both', ofBoth],
  ] as const) {
    console.log(
      `  ${what}: ${rows.toLocaleString('en')} leases, ${Math.round(perSecond).toLocaleString('en')} a second`,
    );
  }
  console.log(`  count of both, from the aggregates: ${counted.toLocaleString('en')}`);
  if (counted !== ofBoth.rows) throw new Error(`counted ${counted}, but found ${ofBoth.rows}`);
  const leases = [...store.range({ limit: Math.min(options.leases, 200_000) })];
  await frozenSnapshot(store, leases);

  console.log('Measuring');
  const renewals = await measure.awaitedRenewals(store, leases, 50_000);
  // The last of them was a commit of its own.
  const { sharedByLastCommit } = store.metrics().shards[0].nodes;
  const pipelined = await measure.pipelinedRenewals(store, leases, 200_000, 256);
  const batched = await measure.batchedRenewals(store, leases, 400_000, 1000);
  const reads = measure.gets(store, leases, 300_000);
  const idle = await measure.idleCpu(2);
  const { nodes } = store.metrics().shards[0];
  const small = (waitStrategy: WaitStrategy) => {
    const directory = mkdtempSync(join(scratch, 'paced-'));
    return openStore({ directory, durability: options.durability, waitStrategy, shards: 1 });
  };
  const rows: Row[] = [
    row(`awaited renew, one in flight, '${options.durability}': P50 / P95 / P99 µs`, 'P95 < 15', 'P95 8', renewals),
    row('get: P50 / P95 / P99 µs', 'P95 < 5', 'P95 2', reads),
    row(
      `recovery after SIGKILL, ${before.replayed.toLocaleString('en')} records replayed`,
      '< 5 s',
      '3 s',
      `${(before.recoveryMs / 1000).toFixed(2)} s`,
    ),
    row('nodes shared by successive commits', '> 90 %', '90 %', `${(sharedByLastCommit * 100).toFixed(2)} %`),
    row('bytes of nodes per lease', '', '', (nodes.bytes / store.count()).toFixed(1)),
    row('fill: bytes in use / bytes of nodes', '', '', fillOf(store)),
    row('amplification: peak / live nodes', '', '1.2', (nodes.peak / (nodes.allocated - nodes.retired)).toFixed(2)),
    row('renewals/s, 256 single calls in flight', '', '', Math.round(pipelined).toLocaleString('en')),
    row('renewals/s, renewMany of 1,000', '', '', Math.round(batched).toLocaleString('en')),
    row('leases/s loaded, acquireMany of 2,000', '', '', Math.round(before.loadedPerSecond).toLocaleString('en')),
    row('range rows/s, a whole type', '', '', Math.round(ofType.perSecond).toLocaleString('en')),
    row('idle: share of one core', '', '', `${(idle * 100).toFixed(2)} %`),
    row('resident memory', '', '', `${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`),
  ];
  for (const waitStrategy of ['adaptive', 'spin', 'park'] as const) {
    for (const perSecond of [1000, 10_000]) {
      const { latency, cpu, mainThread } = await measure.paced(small, waitStrategy, perSecond, 1.5);
      const cost = `CPU ${(cpu * 100).toFixed(0)} %, main thread ${(mainThread * 100).toFixed(0)} %`;
      rows.push(
        row(
          `paced ${perSecond.toLocaleString('en')}/s, '${waitStrategy}': P50 / P95 / P99 µs`,
          'P95 < 15',
          'P95 8',
          `${latency}  (${cost})`,
        ),
      );
    }
  }
  console.log(`\n${table(rows)}\n`);
}

function row(what: string, target: string, projected: string, measured: string): Row {
  return { what, target, projected, measured };
}

function fillOf(store: CowBtreeStore<unknown>): string {
  const shares = store.recovery.map(({ fill }) => fill);
  return `${((shares.reduce((sum, share) => sum + share, 0) / shares.length) * 100).toFixed(0)} % (as recovered)`;
}

/** A snapshot shows the same leases before and after they were renewed under it. */
async function frozenSnapshot(store: CowBtreeStore<unknown>, leases: readonly Lease[]): Promise<void> {
  const watched = leases.slice(0, 1000);
  const frozen = store.snapshot();
  try {
    const before = watched.map(({ key }) => frozen.get(key)?.expiresAtMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await store.renewMany(watched);
    const after = watched.map(({ key }) => frozen.get(key)?.expiresAtMs);
    if (before.some((deadline, i) => deadline !== after[i])) throw new Error('a snapshot changed under writes');
    const moved = watched.filter(({ key }, i) => (store.get(key)?.expiresAtMs ?? 0) > (before[i] ?? 0)).length;
    console.log(`  a frozen snapshot stayed as it was while ${moved.toLocaleString('en')} of its leases were renewed`);
  } finally {
    frozen.close();
  }
}
