import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createControl } from '../../native-layout/shard-control.js';
import { Control } from '../../src/memory/control.js';
import { claimRow, freeRow } from '../../src/memory/pins.js';
import { Slabs } from '../../src/memory/slabs.js';
import { scaled, seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';
import * as stress from '../support/tree-stress.js';

const READERS = 3;
const NODE_BYTES = 2048;
/** What must have happened, and how often, before a run counts. */
const RARE = [stress.COMMITS, stress.WALKS, stress.RESUMED, stress.OUSTED];
const TIMES_MIN = 11;
const DEATHS_MIN = 3;
/** How long to wait for it. */
const PATIENCE_MS = 20_000;

/** One writer and some readers over shared memory; the readers die at random and are replaced. */
class Stress {
  readonly shared = new Int32Array(new SharedArrayBuffer(stress.SHARED_WORDS * 4));
  deaths = 0;
  readonly #control = new Control(createControl(0, NODE_BYTES));
  readonly #slabs = Slabs.reserve(NODE_BYTES, 64 << 20);
  readonly #random = new Random(seed);
  readonly #readers: { worker: Worker; row: number }[] = [];
  #writer: Worker | undefined;
  #failure: unknown;

  async run(reads: number): Promise<void> {
    this.#writer = this.#start('writer', 0);
    while (this.#count(stress.COMMITS) === 0 && this.#failure === undefined) await sleep(1);
    while (this.#readers.length < READERS) this.#addReader();
    const endMs = performance.now() + PATIENCE_MS;
    // A fast machine is through with the reads before all that is rare has happened.
    while ((this.#count(stress.READS) < reads || this.unseen.length > 0) && this.#failure === undefined) {
      if (this.#count(stress.READS) >= reads && performance.now() > endMs) break;
      await sleep(this.#random.between(50, 250));
      await this.#killReader();
      this.#addReader();
    }
    Atomics.store(this.shared, stress.STOP, 1);
    const workers = [this.#writer, ...this.#readers.map(({ worker }) => worker)];
    await Promise.all(workers.map((worker) => (worker.threadId < 0 ? undefined : once(worker, 'exit'))));
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What of it has not happened often enough so far. */
  get unseen(): string[] {
    const words = RARE.filter((word) => this.#count(word) < TIMES_MIN).map((word) => `word ${word} of the counters`);
    return this.deaths < DEATHS_MIN ? [...words, 'deaths of readers'] : words;
  }

  #count(word: number): number {
    return Atomics.load(this.shared, word);
  }

  #addReader(): void {
    const row = claimRow([this.#control]);
    this.#readers.push({ worker: this.#start('reader', row), row });
  }

  /** Ends a thread wherever it stands, then drops whatever it had pinned. */
  async #killReader(): Promise<void> {
    const [{ worker, row }] = this.#readers.splice(this.#random.below(this.#readers.length), 1);
    await worker.terminate();
    freeRow([this.#control], row);
    this.deaths++;
  }

  #start(role: 'writer' | 'reader', row: number): Worker {
    const data: stress.StressData = {
      role,
      control: this.#control.buffer,
      slabs: this.#slabs.handle,
      shared: this.shared.buffer as SharedArrayBuffer,
      seed: this.#random.u32(),
      row,
    };
    const worker = new Worker(new URL('../support/tree-stress.js', import.meta.url), { workerData: data });
    worker.on('error', (error) => {
      this.#failure ??= error;
    });
    return worker;
  }
}

test('readers on other threads see whole commits and nothing else, whatever happens to them', async () => {
  const run = new Stress();
  await run.run(scaled(1_500_000, 50_000_000));
  assert.equal(run.unseen, [], 'counted next to nothing');
});

test.run();
