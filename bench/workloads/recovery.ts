import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { TYPES } from '../../src/cli/demo/workload.js';
import { EngineSubject } from '../engine-subject.js';
import { CONTROL, NO_FILES } from '../subjects.js';
import type { VictimOrder } from '../victim.js';
import type { SoloBench, SoloWorkload } from './workload.js';

const VICTIM = fileURLToPath(new URL('../victim.js', import.meta.url));
const STORE = 'store';

/** What the page cache holds of the files was just written, so this is work, not waiting for a disk. */
export const recovery: SoloWorkload = {
  name: 'recovery',
  about: 'opening after SIGKILL, every lease renewed once since the last checkpoint; then every lease counted',
  suits: (engine) => engine !== CONTROL && !NO_FILES.includes(engine),
  run: (bench) => killAndOpen(bench, true),
};

export const recoveryFromCheckpoint: SoloWorkload = {
  name: 'recovery-checkpoint',
  about: 'opening after SIGKILL right behind a checkpoint, beside reading and CRC of the same bytes',
  suits: (engine) => ['cow-btree', 'append-log', 'mmap-wal'].includes(engine),
  run: (bench) => killAndOpen(bench, false),
};

async function killAndOpen(bench: SoloBench, renew: boolean): Promise<void> {
  const { leases } = bench.job;
  await killWhenReady(bench, renew);
  bench.progress('opens');
  const files = readAll(bench.directory(STORE));
  const startedMs = performance.now();
  const subject = await bench.open(STORE);
  bench.report('open', performance.now() - startedMs, 'ms');
  bench.report('read+crc', files.ms, 'ms');
  bench.report('files', files.bytes / 2 ** 20, 'MiB');
  if (subject instanceof EngineSubject) {
    for (const [step, ms] of Object.entries(subject.recoverySteps())) bench.report(`open-${step}`, ms, 'ms');
  }
  let found = 0;
  for (const type of TYPES) found += await subject.count(type);
  await subject.close();
  if (found !== leases) throw new Error(`${found} of ${leases} leases were there after the kill`);
}

/** Lets another process load a store, and kills it in the middle of a renewal. */
async function killWhenReady(bench: SoloBench, renew: boolean): Promise<void> {
  const order: VictimOrder = { job: bench.job, directory: bench.directory(STORE), renew };
  bench.progress('a victim loads');
  const victim = fork(VICTIM, [JSON.stringify(order)], {
    execArgv: ['--max-old-space-size=8192'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const kill = () => victim.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(victim, 'close');
  await Promise.race([once(victim, 'message'), ended]);
  kill();
  const [code, signal] = await ended;
  process.off('exit', kill);
  if (signal !== 'SIGKILL') throw new Error(`the process to kill ended before that: ${signal ?? `exit code ${code}`}`);
}

/** How long it takes to read all files below a directory and to compute a CRC of them. */
function readAll(directory: string): { readonly bytes: number; readonly ms: number } {
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const startedMs = performance.now();
  let bytes = 0;
  for (const path of paths) {
    const content = readFileSync(path);
    crc32(content);
    bytes += content.length;
  }
  return { bytes, ms: performance.now() - startedMs };
}
