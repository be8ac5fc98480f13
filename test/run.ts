import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { long, seedFrom } from './support/env.js';
import { killRunning } from './support/test-file.js';
import { discover, runAll } from './support/test-run.js';

/*
 * npm test [-- name ...]: every test file, or those whose path contains a name.
 * HOLDFAST_SEED repeats a run, HOLDFAST_TEST=long runs the long form of the tests, HOLDFAST_KEEP=1 keeps their directories.
 */

const FILE_TIMEOUT_MS = long ? 30 * 60_000 : 120_000;
const FILES_AT_ONCE = 2;

const root = new URL('../../', import.meta.url);
const seed = seedFrom(process.env.HOLDFAST_SEED ?? String(randomInt(2 ** 32)));
const files = discover(
  fileURLToPath(new URL('test', root)),
  fileURLToPath(new URL('dist/test', root)),
  process.argv.slice(2),
);

process.once('exit', killRunning);
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

// uvu colours its output when told to, and then its summary cannot be read.
const { FORCE_COLOR: _, ...env } = process.env;
console.log(`Node ${process.version}, ${files.length} test files, HOLDFAST_SEED=${seed}${long ? ', long' : ''}\n`);
const ok = await runAll(files, {
  timeoutMs: FILE_TIMEOUT_MS,
  width: FILES_AT_ONCE,
  env: { ...env, NO_COLOR: '1', HOLDFAST_SEED: String(seed) },
  print: (line) => console.log(line),
});
process.exitCode = ok ? 0 : 1;
