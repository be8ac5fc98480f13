/**
 * A process that locks and unlocks a directory as it is told: one word a line on its standard input, one line of JSON
 * for each on its output. Ends with its input.
 */
import { createInterface } from 'node:readline';
import type { LeaseStoreError } from '../../src/errors.js';
import { type DirectoryLock, lockDirectory } from '../../src/io/directory-lock.js';

const directory = process.argv[2]!;
let lock: DirectoryLock | undefined;

async function obey(word: string): Promise<object> {
  if (word === 'lock') {
    try {
      lock = await lockDirectory(directory);
      return { locked: true, pid: process.pid };
    } catch (error) {
      const { code, message } = error as LeaseStoreError;
      return { locked: false, code, message };
    }
  }
  await lock?.release();
  lock = undefined;
  return { locked: false };
}

console.log('{}');
for await (const word of createInterface(process.stdin)) console.log(JSON.stringify(await obey(word)));
// A lock that was never released must not keep the process alive.
