import { writeSync } from 'node:fs';
import { openEngine } from '../../src/engines/open.js';
import { resolveOptions } from '../../src/options.js';
import { LONG_MS } from './subject.js';

/*
 * Acquires, renews and releases until it is killed. Each line on standard output is an answer that the store gave:
 * `<round of the key> <key> <what> <token>`. Every key goes through the same steps, one at a time.
 */
const [engine, directory, checkpointWalBytesMin] = process.argv.slice(2);
const KEYS = 64;

const store = await openEngine<string>(
  resolveOptions({ engine, directory, checkpointWalBytesMin: Number(checkpointWalBytesMin), syncIntervalMs: 5 }),
);
const say = (...words: (string | number)[]): void => {
  const line = Buffer.from(`${words.join(' ')}\n`);
  for (let written = 0; written < line.length; ) {
    try {
      written += writeSync(1, line, written);
    } catch (error) {
      // The pipe is full; the parent will read on.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
};

async function work(id: string): Promise<never> {
  const key = { type: 'actor', id };
  for (let round = 0; ; round++) {
    const acquired = await store.acquire(key, { owner: 'child', ttlMs: LONG_MS, value: `${id} ${round}` });
    if (!acquired.ok) throw new Error(`not granted: ${acquired.reason}`);
    const { token } = acquired.lease;
    say(id, 'granted', token, 0);
    for (let i = 1; i <= 3; i++) {
      const renewed = await store.renew({ key, token });
      if (!renewed.ok) throw new Error(`not renewed: ${renewed.reason}`);
      say(id, 'renewed', token, i);
    }
    if (round % 2 === 0) continue;
    const released = await store.release({ key, token });
    if (!released.ok) throw new Error(`not released: ${released.reason}`);
    say(id, 'released', token, 0);
  }
}

await Promise.all(Array.from({ length: KEYS }, (_, i) => work(`k${i}`)));
