// npm run profile [-- --only renew-256,get --leases N --engine NAME --durability synced --length 0.5]: one CPU profile a thread, and what is on top of each.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchJob } from './profile-job.mjs';
import { fail, root, say, setup } from './setup.mjs';

const TOP = 15;
/** A thread is known by what only it runs. */
const THREADS = [
  ['shard', 'workers/shard.js'],
  ['maintenance', 'workers/maintenance.js'],
  ['caller', 'bench/child.js'],
];

const { values, job } = benchJob(process.argv.slice(2));
setup();
const folder = join(root, 'profiles', new Date().toISOString().replaceAll(':', '-').slice(0, 19));
mkdirSync(folder, { recursive: true });
const directory = mkdtempSync(join(tmpdir(), 'holdfast-profile-'));
say(`Profiling ${job.workloads.join(', ')} on ${job.engine}, ${values.leases} leases ...`);
const { status, signal } = spawnSync(
  process.execPath,
  ['--cpu-prof', `--cpu-prof-dir=${folder}`, join('dist', 'bench', 'child.js'), JSON.stringify({ ...job, directory })],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);
rmSync(directory, { recursive: true, force: true });
if (status !== 0) fail(`the profiled process ended with ${signal ?? `exit code ${status}`}.`);

const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
if (files.length === 0) fail(`no profile was written to ${folder}.`);
for (const file of files.sort()) {
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  process.stdout.write(`\n${threadOf(profile)}: ${join(folder, file)}\n${top(profile)}`);
}
process.stdout.write(
  `\n${files.length} threads. Load a file into Chrome DevTools (Performance) or VS Code for the whole tree.\n`,
);

function threadOf({ nodes }) {
  const found = THREADS.find(([, file]) => nodes.some(({ callFrame }) => callFrame.url.endsWith(file)));
  return found === undefined ? 'another thread' : found[0];
}

/** Functions by the time that they had themselves, without what they called. */
function top({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const selfUs = new Map();
  let totalUs = 0;
  samples.forEach((id, i) => {
    const { functionName, url, lineNumber } = byId.get(id);
    const place = url === '' ? '' : `  ${url.replace(/^.*\/(dist|node_modules)\//, '')}:${lineNumber + 1}`;
    const name = `${functionName || '(anonymous)'}${place}`;
    selfUs.set(name, (selfUs.get(name) ?? 0) + timeDeltas[i]);
    totalUs += timeDeltas[i];
  });
  const rows = [...selfUs].sort(([, a], [, b]) => b - a).slice(0, TOP);
  return rows
    .map(
      ([name, us]) =>
        `  ${((us / totalUs) * 100).toFixed(1).padStart(5)} %  ${(us / 1000).toFixed(0).padStart(7)} ms  ${name}\n`,
    )
    .join('');
}
