import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** True under `npm run test:long`: tests that have a long form run it. */
export const long = process.env.HOLDFAST_TEST === 'long';

/** The run's seed: the runner prints it and passes it on; a file run by itself uses 1 unless HOLDFAST_SEED says otherwise. */
export const seed = seedFrom(process.env.HOLDFAST_SEED ?? '1');

/** Picks the size of a test: `short` in `npm test`, `long` in the long run. */
export function scaled(inShort: number, inLong: number): number {
  return long ? inLong : inShort;
}

/** A new empty directory of this process's own, removed at its exit unless HOLDFAST_KEEP=1. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  process.once('exit', () => {
    if (process.env.HOLDFAST_KEEP !== '1') rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** Reads a seed as fast-check and our generators take it: an unsigned 32-bit integer. */
export function seedFrom(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw new Error(`HOLDFAST_SEED must be a whole number from 0 to 4294967295, not '${text}'`);
}
