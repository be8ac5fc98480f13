import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseStoreError } from '../errors.js';
import { ioError } from './io-error.js';
import { compareLockNames, formatLockName, type LockName, parseLockName, TICKET_MAX } from './lock-name.js';
import { isListening, type LockSocket, listen, type ShortPath, shortPath } from './lock-socket.js';

/** How long the first of several contenders waits for the others to step back; they need a turn of their event loop. */
const CONTEST_MS_MAX = 5000;
/** How long a refused opener looks for the name of a holder that has only just begun. */
const NAME_WAIT_MS_MAX = 200;
const POLL_MS = 10;
const LOCK_NAME_BYTES_MAX = formatLockName({ ticket: TICKET_MAX, pid: 4_294_967_295, nonce: '01234567' }).length;

/** A directory that no other store of this machine has open, until it is released or the process ends. */
export interface DirectoryLock {
  /** Lets others open the directory. Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes the directory for this process, or throws `ERR_HOLDFAST_LOCKED` naming the process that has it. The lock holds
 * across all containers (pid, network, user namespaces) of one machine and within the process too, and it dies with
 * the process, so that no stale lock ever has to be removed by hand. It does not reach across machines.
 *
 * Main thread only: a worker's sockets would end with the worker.
 *
 * There are two locks, either of which is enough alone where it works:
 * - An abstract socket named for the directory's device and inode (Linux). The kernel lets one process of a network
 *   namespace have it, and nobody can delete it.
 * - Socket files in the directory, which reach across network namespaces. Each contender listens on a file of its own,
 *   then looks at the others, and holds the lock only if none of them is alive. Whoever of two begins to listen later
 *   looks later still, and so sees the other: they cannot both hold it. A dead process's file refuses connections.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const absolute = resolve(directory);
  try {
    return await new Contest(absolute, shortPath(absolute, LOCK_NAME_BYTES_MAX)).enter();
  } catch (error) {
    if (error instanceof LeaseStoreError) throw error;
    throw ioError('lock', absolute, error);
  }
}

/** One opener's attempt at the lock, and the lock itself once it has won. */
class Contest implements DirectoryLock {
  readonly #directory: string;
  /** The same directory, by a path that fits in a socket's address. */
  readonly #short: ShortPath;
  #abstractName: LockSocket | undefined;
  #socketFile: LockSocket | undefined;
  #released: Promise<void> | undefined;

  constructor(directory: string, short: ShortPath) {
    this.#directory = directory;
    this.#short = short;
  }

  async enter(): Promise<DirectoryLock> {
    try {
      await this.#takeAbstractName();
      while (!(await this.#contend()));
      return this;
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  release(): Promise<void> {
    this.#released ??= this.#close();
    return this.#released;
  }

  async #close(): Promise<void> {
    // The file first: as long as the abstract name is ours, nobody of this network namespace contends for the file.
    await this.#socketFile?.close();
    await this.#abstractName?.close();
    this.#short.close();
  }

  async #takeAbstractName(): Promise<void> {
    if (process.platform !== 'linux') return;
    const { dev, ino } = fs.statSync(this.#directory, { bigint: true });
    this.#abstractName = await listen(`\0holdfast-${dev}-${ino}`);
    if (this.#abstractName === undefined) throw locked(this.#directory, await this.#findHolder());
  }

  /** Whether the lock is now held; false to try once more. Throws when somebody else has it. */
  async #contend(): Promise<boolean> {
    const ticket = Math.min(TICKET_MAX, Math.max(0, ...this.#names().map((name) => name.ticket)) + 1);
    const own = { ticket, pid: process.pid, nonce: randomBytes(4).toString('hex') };
    this.#socketFile = await listen(this.#pathOf(own));
    if (this.#socketFile === undefined) return false;
    const dead = await this.#outlast(own);
    // A holder that looked between our bind and our listen took our file for a dead one's and may have removed it. If
    // it has ended since, nobody can see us. Later removals cannot happen: by then the file answered.
    if (!fs.existsSync(this.#pathOf(own))) {
      await this.#socketFile.close();
      return false;
    }
    fs.chmodSync(this.#pathOf(own), 0o600);
    for (const name of dead) fs.rmSync(this.#pathOf(name), { force: true });
    return true;
  }

  /**
   * Returns once no other contender lives, with those that are dead; throws when this one has to step back. The order
   * of tickets only settles who steps back and who waits for that: no two can hold the lock, whatever the order.
   */
  async #outlast(own: LockName): Promise<LockName[]> {
    const deadlineMs = performance.now() + CONTEST_MS_MAX;
    for (;;) {
      const { living, dead } = await this.#probe(own);
      const first = living[0];
      if (first === undefined) return dead;
      if (compareLockNames(first, own) < 0 || performance.now() > deadlineMs) throw locked(this.#directory, first);
      await sleep(POLL_MS);
    }
  }

  async #probe(own?: LockName): Promise<{ living: LockName[]; dead: LockName[] }> {
    const living: LockName[] = [];
    const dead: LockName[] = [];
    for (const name of this.#names()) {
      if (name.nonce === own?.nonce) continue;
      ((await isListening(this.#pathOf(name))) ? living : dead).push(name);
    }
    return { living: living.sort(compareLockNames), dead };
  }

  /** The holder as its file names it; its file comes just after its abstract name. */
  async #findHolder(): Promise<LockName | undefined> {
    const deadlineMs = performance.now() + NAME_WAIT_MS_MAX;
    for (;;) {
      const { living } = await this.#probe();
      if (living.length > 0 || performance.now() > deadlineMs) return living[0];
      await sleep(POLL_MS);
    }
  }

  #names(): LockName[] {
    return fs.readdirSync(this.#directory).flatMap((name) => parseLockName(name) ?? []);
  }

  #pathOf(name: LockName): string {
    return join(this.#short.path, formatLockName(name));
  }
}

function locked(directory: string, holder: LockName | undefined): LeaseStoreError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
  const hint = holder?.pid === process.pid ? ' (this one, or one of the same number in another container)' : '';
  return new LeaseStoreError(
    'ERR_HOLDFAST_LOCKED',
    `${who}${hint} has the store ${directory} open; close it there or end that process, or use another directory`,
  );
}
