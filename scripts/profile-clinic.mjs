// npm run profile:clinic -- doctor|flame|bubbleprof|heapprofiler [options of npm run profile]: clinic, installed when it is first asked for.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchJob } from './profile-job.mjs';
import { fail, root, say, setup } from './setup.mjs';

const TOOLS = ['doctor', 'flame', 'bubbleprof', 'heapprofiler'];
const LOCKED = join(root, 'bench', 'clinic');
const HOME = join(root, '.cache', 'clinic');

const { values, positionals, job } = benchJob(process.argv.slice(2));
const [tool] = positionals;
if (!TOOLS.includes(tool)) fail(`usage: npm run profile:clinic -- ${TOOLS.join('|')} [--only renew-256 --leases N]`);
setup();
install();

const folder = join(root, 'profiles', `clinic-${tool}-${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}`);
mkdirSync(folder, { recursive: true });
const directory = mkdtempSync(join(tmpdir(), 'holdfast-profile-'));
say(`clinic ${tool}: ${job.workloads.join(', ')} on ${job.engine}, ${values.leases} leases ...`);
const clinic = join(HOME, 'node_modules', 'clinic', 'bin.js');
const target = [process.execPath, join(root, 'scripts', 'profile-target.mjs'), JSON.stringify({ ...job, directory })];
const { status, signal } = spawnSync(
  process.execPath,
  [clinic, tool, '--open=false', '--dest', folder, '--', ...target],
  {
    cwd: root,
    // Without a terminal it asks whether it may report usage, gets no answer, and ends with 0 and nothing done.
    env: { ...process.env, NO_INSIGHT: '1', CI: 'true' },
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
rmSync(directory, { recursive: true, force: true });
if (status !== 0) fail(`clinic ${tool} ended with ${signal ?? `exit code ${status}`}.`);
const reports = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.html'));
if (reports.length === 0) fail(`clinic ${tool} ended well but wrote no report to ${folder}.`);
for (const name of reports) process.stdout.write(`${join(folder, name)}\n`);

/** From a lockfile of its own: 150 MB that nobody else needs, away from the sources. */
function install() {
  const installed = join(HOME, 'node_modules', '.package-lock.json');
  const wanted = join(LOCKED, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  say('Installing clinic (150 MB, once) ...');
  mkdirSync(HOME, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(LOCKED, name), join(HOME, name));
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const shell = process.platform === 'win32';
  const { status } = spawnSync('npm', args, { cwd: HOME, stdio: ['ignore', 2, 2], shell });
  if (status !== 0) fail('clinic could not be installed (see above).');
}
