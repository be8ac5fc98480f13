import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChildOrder } from './child.js';
import type { Command, Event } from './events.js';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));
/** Nothing takes so long, whatever else the machine does; only what hangs does. */
export const PATIENCE_MS = 120_000;

export interface LaunchOptions {
  /** What starts node, before its own arguments: `unshare`, say. */
  readonly wrapper?: readonly string[];
  readonly nodeArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** One process under torture, and what it tells. */
export class TorturedProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ending: Promise<Ending>;
  #waiting: { until: (event: Event) => boolean; resolve: (event: Event) => void }[] = [];
  #failure: Error | undefined;
  #fail: (error: Error) => void = () => {};
  readonly #failed: Promise<never>;

  /** `hear` gets every line in order; what it throws is the failure of whoever waits for this process. */
  constructor(order: ChildOrder, hear: (line: string, event: Event) => void, options: LaunchOptions = {}) {
    const { wrapper = [], nodeArguments = [], environment = {} } = options;
    const [command, ...rest] = [...wrapper, process.execPath, ...nodeArguments, CHILD, JSON.stringify(order)];
    this.#child = spawn(command, rest, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {});
    this.#child.stdin.on('error', () => {});
    let stderr = '';
    this.#child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#hear(line, hear));
    this.#ending = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#failWith(error));
      this.#child.once('close', (code, signal) => {
        resolve({ code, signal, stderr });
        this.#failWith(new Error(`the process ended (code ${code}, signal ${signal}): ${stderr}`), false);
      });
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  send(command: Command): void {
    this.#child.stdin.write(`${command}\n`);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** The next event that is wanted; rejects if the process breaks a promise, ends before, or hangs. */
  async next(until: (event: Event) => boolean, what: string, patienceMs = PATIENCE_MS): Promise<Event> {
    const heard = new Promise<Event>((resolve) => this.#waiting.push({ until, resolve }));
    return this.#orHang(heard, what, patienceMs);
  }

  /** As {@link next}, so many of them. */
  async times(count: number, until: (event: Event) => boolean, what: string): Promise<void> {
    for (let i = 0; i < count; i++) await this.next(until, what);
  }

  /** How it ended, all that it told taken in; rejects if a promise was broken. */
  async ended(): Promise<Ending> {
    const ending = await this.#orHang(this.#ending, 'the end of the process', PATIENCE_MS, false);
    if (this.#failure !== undefined) throw this.#failure;
    return ending;
  }

  /** SIGKILL, until nothing is left of it. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    const { signal } = await this.ended();
    if (signal !== 'SIGKILL') throw new Error(`it was to be killed, and ended by ${signal}`);
  }

  /** Whatever state it is in, and whatever it did: for the way out. */
  async destroy(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ending;
  }

  #hear(line: string, hear: (line: string, event: Event) => void): void {
    if (this.#failure !== undefined || line === '') return;
    let event: Event;
    try {
      event = JSON.parse(line) as Event;
    } catch {
      // A kill can cut a line off; a process that goes on does not.
      return;
    }
    try {
      hear(line, event);
    } catch (error) {
      this.#failWith(error as Error);
      return;
    }
    const done = this.#waiting.filter(({ until }) => until(event));
    this.#waiting = this.#waiting.filter((each) => !done.includes(each));
    for (const { resolve } of done) resolve(event);
  }

  #failWith(error: Error, broken = true): void {
    if (broken) this.#failure ??= error;
    this.#fail(error);
  }

  async #orHang<T>(result: Promise<T>, what: string, patienceMs: number, orFailed = true): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const hang = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`waited ${patienceMs} ms in vain for ${what}`)), patienceMs);
    });
    try {
      return await Promise.race(orFailed ? [result, this.#failed, hang] : [result, hang]);
    } finally {
      clearTimeout(timer);
    }
  }
}
