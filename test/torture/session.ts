import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StoreOptions } from '../../src/index.js';
import type { Random } from '../support/tree-random.js';
import type { Command, Event, Failure } from './events.js';
import { Model } from './model.js';
import { type LaunchOptions, TorturedProcess } from './process.js';

const COMMAND_LINE = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface SessionOptions {
  /** Where evidence is kept. */
  readonly evidence: string;
  /** Where the store goes: below `evidence`, or on a file system made for it. */
  readonly directory: string;
  readonly random: Random;
  readonly shards?: number;
  readonly durability?: 'written' | 'synced';
}

export interface StartOptions extends LaunchOptions {
  readonly killAt?: number;
}

/**
 * One store and the processes that use it, one after the other. What they tell goes to the model; what is on the disk
 * when a process is gone is kept beside it, so that a failure can be looked at.
 */
export class Session {
  readonly model: Model;
  readonly directory: string;
  readonly #evidence: string;
  readonly #random: Random;
  readonly #options: StoreOptions;
  #process: TorturedProcess | undefined;
  #firstCall = 1;
  #seed = 0;
  /** Lines not yet written to the evidence. */
  #lines: string[] = [];
  /** Calls under way that ask for checkpoints. */
  readonly #checkpoints = new Set<number>();
  /** What calls failed with since the last start: `CODE outcome`, behind `checkpoint ` where it was one. */
  readonly #failures = new Map<string, number>();
  kills = 0;

  constructor({ evidence, directory, random, shards, durability }: SessionOptions) {
    this.#evidence = evidence;
    this.directory = directory;
    this.#random = random;
    this.#options = {
      directory,
      shards: shards ?? random.between(1, 3),
      durability: durability ?? random.pick(['written', 'written', 'synced']),
      nodeBytes: random.pick([2048, 4096]),
      syncIntervalMs: random.pick([5, 50]),
      checkpointWalBytesMin: 64 * 1024,
      sweepIntervalMs: 20,
      memoryBytesMax: 256 * 1024 * 1024,
    };
    this.model = new Model({
      synced: this.#options.durability === 'synced',
      oneShard: this.#options.shards === 1,
    });
    mkdirSync(evidence, { recursive: true });
    this.note({ options: this.#options });
  }

  /** Starts a process on the store; it opens it by itself. */
  start({ killAt, ...launch }: StartOptions = {}): TorturedProcess {
    this.#keepCopy();
    this.#failures.clear();
    this.#seed = this.#random.u32();
    const order = {
      options: { ...this.#options, engine: 'cow-btree' as const },
      seed: this.#seed,
      firstCall: this.#firstCall,
      ...(killAt === undefined ? {} : { killAt }),
    };
    this.note({ start: order, launch });
    const process = new TorturedProcess(order, (line, event) => this.#hear(line, event), launch);
    this.#process = process;
    return process;
  }

  /** As {@link start}, and waits until all that is stored has been compared with what is owed. */
  async open(options: StartOptions = {}): Promise<TorturedProcess> {
    const process = this.start(options);
    const event = await process.next(({ e }) => e === 'audited' || e === 'refused', 'the store to open');
    if (event.e === 'refused')
      throw new Error(`the store does not open: ${event.failure.code}: ${event.failure.message}`);
    return process;
  }

  /** Expects that a second process finds no way in. */
  async expectRefused(code: string, options: LaunchOptions = {}): Promise<Failure> {
    const order = { options: { ...this.#options, engine: 'cow-btree' as const }, seed: 0, firstCall: 0 };
    let refused: Failure | undefined;
    const hear = (line: string, event: Event): void => {
      this.#lines.push(line);
      if (event.e !== 'refused') throw new Error(`it should have been refused with ${code}, and told ${line}`);
      refused = event.failure;
    };
    const process = new TorturedProcess(order, hear, options);
    await process.ended();
    if (refused?.code !== code)
      throw new Error(`it should have been refused with ${code}, not ${JSON.stringify(refused)}`);
    return refused;
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
    this.crashed('process');
  }

  /** As {@link kill}, of a process that may have come to its own end. */
  async killUnlessEnded(): Promise<void> {
    this.#process?.signal('SIGKILL');
    await this.#process?.ended();
    this.crashed('process');
  }

  /**
   * Process and disk stop at the same moment, as they do when the power goes. The signal comes first: a system call
   * that is under way goes on below it, half done when `cut` comes, but its answer reaches nobody.
   */
  async losePower(cut: () => void): Promise<void> {
    this.#process?.signal('SIGKILL');
    cut();
    await this.#process?.ended();
    this.crashed('power');
  }

  send(command: Command): void {
    this.#process?.send(command);
  }

  /** The process is gone already. */
  crashed(kind: 'process' | 'power'): void {
    this.kills++;
    this.note({ crash: kind });
    this.model.crash(kind);
    this.#process = undefined;
  }

  /** Lets the process finish and close the store; `mayFail`: closing may report what went wrong before. */
  async stop(mayFail = false): Promise<void> {
    const process = this.#process as TorturedProcess;
    const closed = process.next(({ e }) => e === 'closed', 'the store to close');
    process.send('stop');
    const event = (await closed) as Event & { e: 'closed' };
    const ending = await process.ended();
    if (event.failure !== undefined && !mayFail) throw new Error(`close failed: ${JSON.stringify(event.failure)}`);
    if (ending.code !== 0) throw new Error(`the process ended with ${ending.code}: ${ending.stderr}`);
    this.model.crash('process');
    this.#process = undefined;
  }

  /** Opens, compares, closes, and has every byte of the closed store checked. */
  async settle(options: StartOptions = {}): Promise<void> {
    await this.open(options);
    await this.stop();
    this.verify();
  }

  /** `holdfast verify` on the store, which nobody has open. */
  verify(): void {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND_LINE, 'verify', this.directory], {
      encoding: 'utf8',
    });
    this.note({ verify: status, stdout, stderr });
    if (status !== 0) throw new Error(`holdfast verify ended with ${status}: ${stdout}${stderr}`);
  }

  /** Waits a random time. */
  async pause(minMs: number, maxMs: number): Promise<void> {
    await sleep(this.#random.between(minMs, maxMs));
  }

  /** Fails if a call failed with anything but these. */
  expectOnly(failures: readonly string[]): void {
    const others = [...this.#failures.keys()].filter((each) => !failures.includes(each));
    if (others.length > 0)
      throw new Error(`calls failed with ${others.join(', ')}; only ${failures.join(', ')} may be`);
  }

  /** Adds a line to the evidence. */
  note(what: object): void {
    this.#lines.push(JSON.stringify(what));
    this.flush();
  }

  flush(): void {
    appendFileSync(join(this.#evidence, 'events.ndjson'), this.#lines.map((line) => `${line}\n`).join(''));
    this.#lines = [];
  }

  /** Leaves no process behind, whatever happened. */
  async destroy(): Promise<void> {
    await this.#process?.destroy();
    this.flush();
  }

  #hear(line: string, event: Event): void {
    this.#lines.push(line);
    if (this.#lines.length > 1000) this.flush();
    this.model.apply(event);
    if (event.e === 'begin') {
      this.#firstCall = Math.max(this.#firstCall, event.call + 1);
      if (event.operation.kind === 'checkpoint') this.#checkpoints.add(event.call);
    }
    if (event.e === 'bug') throw new Error(`something else than a LeaseStoreError was thrown: ${event.stack}`);
    if (event.e !== 'end') return;
    for (const answer of event.answers) {
      if (!('failed' in answer)) continue;
      const { code, outcome } = answer.failed;
      const name = `${this.#checkpoints.has(event.call) ? 'checkpoint ' : ''}${code} ${outcome}`;
      this.#failures.set(name, (this.#failures.get(name) ?? 0) + 1);
    }
  }

  /** The files as the last process left them, before the next one touches them. */
  #keepCopy(): void {
    const copy = join(this.#evidence, 'store-before-opening');
    rmSync(copy, { recursive: true, force: true });
    if (existsSync(this.directory)) {
      // The lock is sockets, which cannot be copied.
      cpSync(this.directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    }
  }
}
