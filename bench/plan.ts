import type { Job } from './job.js';
import type { BenchOptions } from './options.js';
import { CONTROL, DEFAULT_ENGINE, NEVER_SYNCED } from './subjects.js';
import { SWEEPS } from './sweeps.js';
import { GROWING, GROWTH, SHARED, SOLO } from './workloads/list.js';

/** A job whose directory is not made yet. */
export type Planned = Omit<Job, 'directory'>;

/** A quick run's measurements are so long, as a share of full ones. */
const QUICK_LENGTH = 0.02;

/** Every process to run, in order. Runs are the outermost loop, so that a machine that drifts drifts for all. */
export function plan(options: BenchOptions): Planned[] {
  const { engines, runs, sweep } = options;
  return Array.from({ length: runs }, (_, run) =>
    sweep === undefined ? engines.flatMap((engine) => jobsOf(options, engine, run)) : sweepJobs(options, sweep, run),
  ).flat();
}

function jobsOf(options: BenchOptions, engine: string, run: number): Planned[] {
  const { only, leases, quick } = options;
  const base = baseJob(options, engine, run);
  // Ten times the leases take long: the others' growth is looked at once.
  const grows = only.includes(GROWTH) && (engine === DEFAULT_ENGINE || run === 0);
  const shared = SHARED.filter(({ name }) => only.includes(name) || (grows && GROWING.includes(name)));
  const solo = SOLO.filter(({ name, suits }) => only.includes(name) && suits(engine)).flatMap(
    ({ name, variants }): Planned[] => {
      const job = { ...base, workloads: [name] };
      return [job, ...(variants?.(engine) ?? []).map((variant) => ({ ...job, ...variant }))];
    },
  );
  if (engine === CONTROL) return solo;
  const growth = grows
    ? [leases / 10, ...(quick ? [] : [leases * 10])].map((size) => ({
        ...base,
        leases: Math.ceil(size),
        workloads: GROWING,
      }))
    : [];
  return [...levels(engine, { ...base, workloads: shared.map(({ name }) => name) }), ...solo, ...growth];
}

/** The job, and what of it depends on the durability once more, synced. */
function levels(engine: string, job: Planned): Planned[] {
  if (job.workloads.length === 0) return [];
  const synced = SHARED.filter(({ name, synced }) => synced && job.workloads.includes(name)).map(({ name }) => name);
  if (synced.length === 0 || NEVER_SYNCED.includes(engine)) return [job];
  return [job, { ...job, durability: 'synced', workloads: synced }];
}

function sweepJobs(options: BenchOptions, name: string, run: number): Planned[] {
  const { workloads, values } = SWEEPS[name];
  const base = baseJob(options, DEFAULT_ENGINE, run);
  return values.flatMap((value) => {
    const job = { ...base, ...value };
    const shared = SHARED.filter((workload) => workloads.includes(workload.name)).map((workload) => workload.name);
    const solo = SOLO.filter((workload) => workloads.includes(workload.name));
    return [{ ...job, workloads: shared }, ...solo.map((workload) => ({ ...job, workloads: [workload.name] }))];
  });
}

function baseJob({ leases, seed, quick }: BenchOptions, engine: string, run: number): Planned {
  const length = quick ? QUICK_LENGTH : 1;
  return { engine, run, leases, seed, length, durability: 'written', workloads: [], options: {} };
}
