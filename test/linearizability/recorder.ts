import { openSync, writeSync } from 'node:fs';
import { LeaseStoreError } from '../../src/index.js';
import type { Question, RecordLine, Reply } from './history.js';

/** The line of time that all threads and processes of a machine share. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The file in which one thread keeps what it asked and was answered; a kill takes nothing of it back. */
export class Recorder {
  readonly #fd: number;
  #calls = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'wx');
  }

  write(line: RecordLine): void {
    writeSync(this.#fd, `${JSON.stringify(line)}\n`);
  }

  /** Records a call before it is made, and what it is answered after. */
  async ask<R extends Reply>(
    client: string,
    key: string,
    question: Question,
    call: () => R | Promise<R>,
  ): Promise<R | undefined> {
    const n = this.#calls++;
    this.write({ r: 'call', n, client, key, question, atMs: machineMs() });
    try {
      const reply = await call();
      this.write({ r: 'reply', n, atMs: machineMs(), reply });
      return reply;
    } catch (error) {
      if (!(error instanceof LeaseStoreError)) throw error;
      this.write({ r: 'reply', n, atMs: machineMs(), reply: { failed: error.outcome } });
      return undefined;
    }
  }

  /** As {@link ask}, of a read that answers at once. */
  read<R extends Reply>(client: string, key: string, question: Question, call: () => R): void {
    const n = this.#calls++;
    const fromMs = machineMs();
    const reply = call();
    const toMs = machineMs();
    this.write({ r: 'call', n, client, key, question, atMs: fromMs });
    this.write({ r: 'reply', n, atMs: toMs, reply });
  }
}
