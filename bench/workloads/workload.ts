import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { nodeOf } from '../../src/cli/demo/workload.js';
import { type Job, tellParent } from '../job.js';
import { type Extent, Reporter } from '../reporter.js';
import type { OpenSubject, Sample, Subject } from '../subject.js';

/** What a workload on a loaded subject has to work with. */
export class Bench extends Reporter {
  readonly subject: Subject;
  /** Places in the held sample, uniformly at random; a power of two of them. */
  readonly order: Uint32Array;
  readonly #sample: Sample;

  constructor(job: Job, workload: string, subject: Subject, sample: Sample, order: Uint32Array) {
    super(job, workload, subject.level);
    this.subject = subject;
    this.order = order;
    this.#sample = sample;
    subject.hold(sample);
  }

  /** Where in the sample the leases of a node are, in the order in which it was granted them. */
  placesOf(node: string): Uint32Array {
    const { actors } = this.#sample;
    return Uint32Array.from(actors.keys()).filter((place) => nodeOf(actors[place]) === node);
  }

  /** Lets the subject hold these places of the sample alone, in this order, with keys as a request brings them. */
  readonly receive = (places: Uint32Array): void => {
    const { keys, actors } = this.#sample;
    this.subject.hold({
      keys: JSON.parse(JSON.stringify(Array.from(places, (place) => keys[place]))),
      actors: places.map((place) => actors[place]),
    });
  };
}

/** A workload on a subject that holds the leases already, and still does afterwards. */
export interface Workload {
  readonly name: string;
  /** One line for whoever reads the report. */
  readonly about: string;
  /** Whether it is repeated for `'synced'`: its figures depend on when a write is acknowledged. */
  readonly synced: boolean;
  run(bench: Bench): Promise<void>;
}

/** What a workload has to work with that makes its own stores. */
export class SoloBench extends Reporter {
  readonly #open: OpenSubject;

  constructor(job: Job, workload: string, open: OpenSubject) {
    super(job, workload);
    this.#open = open;
  }

  directory(name: string): string {
    const path = join(this.job.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Opens the subject under a directory of that name, for so many leases. */
  async open(
    name: string,
    leases = this.job.leases,
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<Subject> {
    const { engine, durability, seed } = this.job;
    const setup = { directory: this.directory(name), durability, seed, options: { ...this.job.options, ...options } };
    const subject = await this.#open({ ...setup, tokens: new Float64Array(leases).fill(0) });
    this.level = subject.level;
    tellParent({ kind: 'opened', participant: { engine, durability: subject.level, mode: subject.mode } });
    return subject;
  }
}

/** A workload that has a process to itself and opens what it needs. */
export interface SoloWorkload {
  readonly name: string;
  readonly about: string;
  /** Whether there is anything to measure in it. */
  suits(engine: string): boolean;
  /** Options to repeat it with, by name of the setting. */
  readonly variants?: (engine: string) => readonly Variant[];
  run(bench: SoloBench): Promise<void>;
}

export interface Variant {
  readonly setting: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Operations that make the compiler settle on the code of a path before it is measured. */
const WARM_UP = 200_000;

/** How long to warm up: by count where the calls are fast, by the clock where they are not. */
export function warmUp(reporter: Reporter, seconds = 2): Extent {
  return reporter.extent(WARM_UP, seconds);
}
