import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { scaled, seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';
import { collect, granted, LONG_MS, newDirectory, type Subject } from './subject.js';

const CHILD = fileURLToPath(new URL('crash-child.js', import.meta.url));
/** Small enough that checkpoints are under way when the process dies. */
const CHECKPOINT_BYTES = 64 * 1024;

interface Acknowledged {
  readonly what: string;
  readonly token: number;
  readonly renewals: number;
}

/** A killed process loses nothing that it was told had happened. */
export function crashesConform(subject: Subject): void {
  test(`${subject.name}: kill -9 loses nothing that was acknowledged, again and again`, async () => {
    const directory = newDirectory();
    const random = new Random(seed);
    let tokenMax = 0;
    for (let round = 0; round < scaled(3, 40); round++) {
      const answers = await runAndKill(subject.name, directory, random.between(500, 6000));
      const store = await subject.open({ engine: subject.name, directory });
      try {
        for (const [id, last] of answers) {
          tokenMax = Math.max(tokenMax, last.token);
          const lease = await store.get({ type: 'actor', id });
          const told = `${id}: told ${last.what} ${last.token} after ${last.renewals}, found ${JSON.stringify(lease)}`;
          // One more step may have happened that the process did not live to tell.
          if (last.what === 'released') assert.ok(lease === undefined || lease.token > last.token, told);
          else if (lease === undefined) assert.is(last.renewals, 3, told);
          else if (lease.token === last.token) assert.ok(lease.renewals >= last.renewals, told);
          else assert.ok(lease.token > last.token && last.renewals === 3, told);
          if (lease !== undefined) assert.match(String(lease.value), new RegExp(`^${id} \\d+$`));
        }
        const owned = await collect(store.range({ owner: 'child' }));
        assert.equal(await collect(store.range()), owned);
        for (const lease of owned) tokenMax = Math.max(tokenMax, lease.token);
        const key = { type: 'actor', id: `after-${round}` };
        const next = await granted(store.acquire(key, { owner: 'parent', ttlMs: LONG_MS }));
        assert.ok(next.token > tokenMax, 'no token is given twice');
        await store.releaseOwner('parent');
        await store.releaseOwner('child');
      } finally {
        await store.close();
      }
    }
  });
}

/** What the child was last told of each key, when it was killed. */
function runAndKill(engine: string, directory: string, answersMin: number): Promise<Map<string, Acknowledged>> {
  const child = spawn(process.execPath, [CHILD, engine, directory, String(CHECKPOINT_BYTES)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const answers = new Map<string, Acknowledged>();
  let count = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [id, what, token, renewals] = line.split(' ');
    answers.set(id, { what, token: Number(token), renewals: Number(renewals) });
    if (++count === answersMin) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('close', (_, signal) => {
      if (signal === 'SIGKILL') resolve(answers);
      else reject(new Error(`the child ended by itself: ${errors}`));
    });
  });
}
