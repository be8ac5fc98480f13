import { performance } from 'node:perf_hooks';
import { TTL_MS } from '../src/cli/demo/workload.js';
import { EngineSubject } from './engine-subject.js';
import { footprint } from './footprint.js';
import { type Job, tellParent } from './job.js';
import { load, randomOrder, sampleOf } from './population.js';
import { Reporter } from './reporter.js';
import type { OpenSubject, Subject } from './subject.js';
import { SHARED } from './workloads/list.js';
import { Bench } from './workloads/workload.js';

/** Opens and loads a subject, tells what that took, and runs the job's workloads on it one after the other. */
export async function runShared(job: Job, open: OpenSubject): Promise<void> {
  const { engine, leases, seed } = job;
  const subject = await loaded(job, open);
  const sample = sampleOf(seed, leases);
  const order = randomOrder(seed, sample.keys.length);
  for (const workload of SHARED.filter(({ name }) => job.workloads.includes(name))) {
    const bench = new Bench(job, workload.name, subject, sample, order);
    bench.progress('');
    try {
      await workload.run(bench);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      tellParent({ kind: 'absent', absence: { engine, workload: workload.name, reason } });
    }
    // The last commit was a single renewal.
    if (workload.name === 'renew-1') tellShared(job, subject);
  }
  await subject.close();
}

async function loaded(job: Job, open: OpenSubject): Promise<Subject> {
  const { engine, leases, directory } = job;
  // Its pages are there before memory is looked at.
  const tokens = new Float64Array(leases).fill(0);
  const before = footprint(directory);
  const subject = await open({ ...job, tokens });
  tellParent({ kind: 'opened', participant: { engine, durability: subject.level, mode: subject.mode } });
  const loading = new Reporter(job, 'load', subject.level);
  const startedMs = performance.now();
  await load(subject, leases, TTL_MS, (done) => loading.progress(`${done} of ${leases}`));
  loading.report('rate', (leases / (performance.now() - startedMs)) * 1000, 'op/s');
  const memory = new Reporter(job, 'memory', subject.level);
  const after = footprint(directory);
  memory.report('resident', (after.residentBytes - before.residentBytes) / leases, 'B/lease');
  memory.report('process', after.residentBytes / 2 ** 20, 'MiB');
  memory.report('files', (after.fileBytes - before.fileBytes) / leases, 'B/lease');
  const tree = subject instanceof EngineSubject ? subject.tree() : undefined;
  if (tree !== undefined) {
    memory.report('slabs', tree.slabBytes / leases, 'B/lease');
    memory.report('slabs-peak', tree.slabBytesPeak / leases, 'B/lease');
  }
  return subject;
}

function tellShared(job: Job, subject: Subject): void {
  const tree = subject instanceof EngineSubject ? subject.tree() : undefined;
  if (tree === undefined) return;
  const memory = new Reporter(job, 'memory', subject.level);
  memory.report('shared-by-commits', tree.sharedByLastCommit * 100, '%');
}
