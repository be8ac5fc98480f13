import { performance } from 'node:perf_hooks';
import { rank } from '../src/cli/demo/latency.js';
import { TTL_MS } from '../src/cli/demo/workload.js';
import { footprint } from './footprint.js';
import { type Job, tellParent } from './job.js';
import { clockCostNs, type Latencies } from './latency.js';
import { load, randomOrder, sampleOf } from './population.js';
import type { Level } from './record.js';
import { subject as subjectOf } from './subjects.js';
import { WORKLOADS } from './workloads/list.js';
import type { Bench } from './workloads/workload.js';

/*
 * One subject in a process of its own, so that neither memory nor a crash of one touches another: opens it, loads it, and
 * runs the workloads that its job names. argv: the job as JSON.
 */

const job: Job = JSON.parse(process.argv[2]);

const open = await subjectOf(job.engine);
const before = footprint(job.directory);
const subject = await open(job);
tellParent({
  kind: 'opened',
  participant: { engine: job.engine, durability: subject.level, mode: subject.mode },
});
const tell = (text: string) => tellParent({ kind: 'progress', text });
const report = reporter(subject.level);

const startedMs = performance.now();
await load(subject, job.leases, TTL_MS, (loaded) => tell(`load ${loaded} of ${job.leases}`));
report('load')('rate', (job.leases / (performance.now() - startedMs)) * 1000, 'op/s');
const after = footprint(job.directory);
report('memory')('resident', (after.residentBytes - before.residentBytes) / job.leases, 'B/lease');
report('memory')('files', (after.fileBytes - before.fileBytes) / job.leases, 'B/lease');

const sample = sampleOf(job.seed, job.leases);
subject.hold(sample);
const order = randomOrder(job.seed, sample.keys.length);
report('clock')('pair', clockCostNs(), 'ns');

for (const workload of WORKLOADS.filter(({ name }) => job.workloads.includes(name))) {
  tell(workload.name);
  try {
    await workload.run(benchFor(workload.name));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    tellParent({ kind: 'absent', absence: { engine: job.engine, workload: workload.name, reason } });
  }
}
await subject.close();
tellParent({ kind: 'done' });
process.disconnect?.();

function reporter(durability: Level) {
  const { engine, leases, run, setting } = job;
  return (workload: string) => (metric: string, value: number, unit: string) => {
    const place = { engine, workload, metric, durability, leases, run };
    tellParent({ kind: 'record', record: { ...place, value, unit, ...(setting === undefined ? {} : { setting }) } });
  };
}

function benchFor(workload: string): Bench {
  const tellFigure = report(workload);
  return {
    subject,
    leases: job.leases,
    order,
    seed: job.seed,
    scratch: job.directory,
    extent: (operations, seconds) => ({
      operations: Math.max(1, Math.ceil(operations * job.length)),
      seconds: seconds * job.length,
    }),
    report: tellFigure,
    latencies: (prefix, latencies, { strip = false } = {}) => reportLatencies(workload, prefix, latencies, strip),
    progress: (text) => tell(`${workload}: ${text}`),
  };
}

function reportLatencies(workload: string, prefix: string, latencies: Latencies, strip: boolean): void {
  const { engine, leases, run, setting } = job;
  const sorted = latencies.sorted();
  const tellFigure = report(workload);
  const named = (metric: string) => (prefix === '' ? metric : `${prefix}-${metric}`);
  for (const [metric, share] of [
    ['p50', 0.5],
    ['p95', 0.95],
    ['p99', 0.99],
    ['p99.9', 0.999],
    ['max', 1],
  ] as const) {
    tellFigure(named(metric), rank(sorted, share), 'us');
  }
  tellFigure(named('closed-loop'), (sorted.length / sorted.reduce((sum, us) => sum + us, 0)) * 1e6, 'op/s');
  const place = {
    engine,
    workload: prefix === '' ? workload : `${workload}:${prefix}`,
    durability: subject.level,
    leases,
    run,
    ...(setting === undefined ? {} : { setting }),
  };
  tellParent({ kind: 'series', series: { ...place, kind: 'curve', points: latencies.curve(sorted) } });
  if (strip) tellParent({ kind: 'series', series: { ...place, kind: 'strip', points: latencies.strip() } });
}
