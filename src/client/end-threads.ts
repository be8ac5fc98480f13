import type { Piscina } from 'piscina';

const WORKER = new URL('../../workers/meet.js', import.meta.url);

/** A thread that dies on the way is replaced by one that must be waited for in turn. */
const TRIES_MAX = 5;

/**
 * Ends the threads of a pool, of which `idle` have no task. Node aborts the whole process if a thread is terminated while
 * it loads its modules, which one that the pool has just put in place of a dead one does: so those without a task, each
 * of which may be such a one, are all met first.
 */
export async function endThreads(pool: Piscina, idle: number): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const arrived = new Int32Array(new SharedArrayBuffer(4));
    const meetings = Array.from({ length: idle }, () =>
      pool.run({ arrived, threads: idle }, { filename: WORKER.href, name: 'meet' }),
    );
    const ends = await Promise.allSettled(meetings);
    if (ends.every(({ status }) => status === 'fulfilled')) break;
  }
  await pool.destroy();
}
