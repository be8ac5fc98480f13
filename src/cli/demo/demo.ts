import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type CowBtreeStore, type Durability, type Lease, openStore } from '../../index.js';
import { Acknowledgements } from './acknowledgements.js';
import { type Player, playAndKill } from './kill.js';
import { load } from './load.js';
import { ProgressLine } from '../progress.js';
import { prove } from './proof.js';
import { coordinationQueries, frozenSnapshot } from './queries.js';
import { count, type Earlier, measurePaced, measureStore } from './report.js';
import { table } from './table.js';
import { actor } from './workload.js';

type Store = CowBtreeStore<unknown>;

export interface DemoOptions {
  readonly leases: number;
  readonly shards: number | undefined;
  readonly seconds: number;
  /** Where the store goes and stays; undefined for a temporary one. */
  readonly directory: string | undefined;
  readonly durability: Durability;
  readonly seed: number;
}

export const LEASES_DEFAULT = 1_000_000;
export const SECONDS_DEFAULT = 8;

const FAULTS_SHOWN = 10;
const LEASES_MEASURED_MAX = 200_000;
const LEASES_UNDER_SNAPSHOT = 1000;

/** Runs the demo; answers the exit code: 1 if anything acknowledged is missing or wrong. */
export async function runDemo(options: DemoOptions, play: Player = playAndKill): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  const cleanUp = () => rmSync(scratch, { recursive: true, force: true });
  const interrupted = () => process.exit(130);
  process.once('exit', cleanUp);
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    return await new Demo({ ...options, directory: options.directory ?? join(scratch, 'store') }, scratch).run(play);
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    process.off('exit', cleanUp);
    cleanUp();
  }
}

class Demo {
  readonly #options: DemoOptions & { readonly directory: string };
  readonly #scratch: string;
  readonly #acknowledged: Acknowledgements;

  constructor(options: DemoOptions & { readonly directory: string }, scratch: string) {
    this.#options = options;
    this.#scratch = scratch;
    this.#acknowledged = new Acknowledgements(options.leases);
  }

  async run(play: Player): Promise<number> {
    const loadedPerSecond = await this.#load();
    await this.#play(play);
    const started = performance.now();
    await using store = await this.#open();
    const recoveryMs = performance.now() - started;
    const replayed = store.recovery.reduce((sum, shard) => sum + shard.replayed, 0);
    console.log(
      `Reopened in ${count(recoveryMs)} ms; ${count(replayed)} log records were replayed over the checkpoint`,
    );
    if (!(await this.#prove(store))) return 1;
    await this.#measure(store, { loadedPerSecond, recoveryMs, replayed });
    return 0;
  }

  #open(): Promise<Store> {
    const { directory, durability, shards } = this.#options;
    return openStore({ engine: 'cow-btree', directory, durability, ...(shards === undefined ? {} : { shards }) });
  }

  async #load(): Promise<number> {
    const { leases, seed, directory } = this.#options;
    console.log(`Loading ${count(leases)} leases (20 types, UUID ids, 5 nodes) into ${directory}`);
    await using store = await this.#open();
    const progress = new ProgressLine();
    const perSecond = await load(store, seed, leases, this.#acknowledged, (loaded) => {
      progress.tell(`${count(loaded)} of ${count(leases)}`);
    });
    progress.end(`loaded, ${count(perSecond)} a second, checkpoint included`);
    return perSecond;
  }

  async #play(play: Player): Promise<void> {
    const { seconds } = this.#options;
    console.log(`A child process renews 90 %, reads 2 %, acquires 8 %, unpaced; it gets SIGKILL after ${seconds} s`);
    const progress = new ProgressLine();
    await play(this.#options, this.#acknowledged, () => {
      progress.tell(`${count(this.#acknowledged.received)} acknowledged`);
    });
    progress.end(`killed; it had reported ${count(this.#acknowledged.received)} acknowledged writes`);
  }

  async #prove(store: Store): Promise<boolean> {
    const { seed } = this.#options;
    const progress = new ProgressLine();
    const proof = await prove(store, seed, this.#acknowledged, (checked) => progress.tell(`${count(checked)} checked`));
    const { checked, ahead, faults } = proof;
    progress.end(
      `${count(checked)} acknowledged leases checked for token and deadline: ${count(faults.length)} missing or wrong` +
        ` (${count(ahead)} were renewed once more, by calls under way at the kill)`,
    );
    for (const fault of faults.slice(0, FAULTS_SHOWN)) console.error(`  ${fault}`);
    if (faults.length > FAULTS_SHOWN) console.error(`  and ${count(faults.length - FAULTS_SHOWN)} more`);
    return faults.length === 0;
  }

  async #measure(store: Store, earlier: Omit<Earlier, 'queries'>): Promise<void> {
    const { durability, seconds } = this.#options;
    console.log('Coordination queries');
    const queries = coordinationQueries(store);
    for (const { what, rows, ms } of queries) console.log(`  ${what}: ${count(rows)} leases in ${ms.toFixed(2)} ms`);
    const leases = this.#someLeases(store);
    const moved = await frozenSnapshot(store, leases.slice(0, LEASES_UNDER_SNAPSHOT));
    console.log(`  a snapshot stayed as it was while ${count(moved)} of its leases were renewed`);
    console.log('Measuring');
    const progress = new ProgressLine();
    // Who lets the child play for a moment only wants a short demo.
    const setting = { durability, length: Math.min(1, seconds / SECONDS_DEFAULT), progress };
    const rows = await measureStore(store, leases, { ...earlier, queries }, setting);
    rows.push(...(await measurePaced(this.#scratch, setting)));
    progress.end('done');
    console.log(`\n${table(rows)}\n`);
  }

  /** From all over the store, in no order that the store knows. */
  #someLeases(store: Store): Lease[] {
    const { seed, leases } = this.#options;
    const wanted = Math.min(leases, LEASES_MEASURED_MAX);
    return Array.from({ length: wanted }, (_, i) => {
      const lease = store.get(actor(seed, Math.floor((i * leases) / wanted)));
      if (lease === undefined) throw new Error('there is nothing left to measure with');
      return lease;
    });
  }
}
