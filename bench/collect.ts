import { spawnSync } from 'node:child_process';
import type { Job, Message } from './job.js';
import type { BenchOptions } from './options.js';
import {
  type Absence,
  type BenchRecord,
  type BenchResult,
  type Participant,
  type Series,
  thisMachine,
} from './record.js';
import type { Ending } from './run-job.js';

/** Gathers what the children say. */
export class Collector {
  readonly #options: BenchOptions;
  readonly #startedAt = new Date();
  readonly #participants = new Map<string, Participant>();
  readonly #absences = new Map<string, Absence>();
  readonly #records: BenchRecord[] = [];
  readonly #series: Series[] = [];

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  take(message: Message): void {
    if (message.kind === 'record') this.#records.push(message.record);
    else if (message.kind === 'series') this.#series.push(message.series);
    else if (message.kind === 'absent') this.#note(message.absence);
    else if (message.kind === 'opened') {
      const { engine, durability } = message.participant;
      const name = `${engine} ${durability}`;
      // Later ones may have been opened for a variant.
      if (!this.#participants.has(name)) this.#participants.set(name, message.participant);
    }
  }

  failed(job: Omit<Job, 'directory'>, ending: Ending & { readonly ok: false }): void {
    const { engine, workloads } = job;
    const everOpened = ending.opened || [...this.#participants.values()].some((one) => one.engine === engine);
    // What could not even be opened is not tried again.
    if (everOpened) this.#note({ engine, workload: workloads.join(', '), reason: ending.reason });
    else this.#note({ engine, reason: ending.reason });
  }

  isAbsent(engine: string): boolean {
    return this.#absences.has(`${engine} `);
  }

  /** What there is after so many whole runs. */
  result(runs: number): BenchResult {
    const { seed, leases, quick, sweep } = this.#options;
    return {
      format: 1,
      startedAt: this.#startedAt.toISOString(),
      seconds: Math.round((Date.now() - this.#startedAt.getTime()) / 1000),
      machine: thisMachine(),
      node: process.version,
      commit: commit(),
      seed,
      leases,
      runs,
      quick,
      ...(sweep === undefined ? {} : { sweep }),
      participants: [...this.#participants.values()],
      absences: [...this.#absences.values()],
      records: this.#records,
      series: this.#series,
    };
  }

  #note(absence: Absence): void {
    this.#absences.set(`${absence.engine} ${absence.workload ?? ''}`, absence);
  }
}

/** The commit that is checked out, marked where files differ from it; 'unknown' outside a repository. */
function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' });
  const head = git('rev-parse', 'HEAD');
  if (head.status !== 0) return 'unknown';
  const changed = git('status', '--porcelain', '--untracked-files=no').stdout.trim() !== '';
  return `${head.stdout.trim()}${changed ? '+changes' : ''}`;
}
