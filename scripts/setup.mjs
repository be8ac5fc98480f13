// Everything between a fresh clone and a runnable dist/. Plain node: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const SOURCES = ['src', 'workers', 'native-layout', 'test', 'bench'];

/** Installs if needed, then compiles. Ends the process with a message when either cannot be done. */
export function setup() {
  requireNode();
  install();
  build();
}

/** Builds, then runs a compiled file with this Node, ends with its exit code. */
export function runBuilt(file, args, env = {}) {
  setup();
  if (!existsSync(join(root, file))) fail(`${file} does not exist: its source is missing from this checkout.`);
  exitLike(
    spawnSync(process.execPath, [join(root, file), ...args], { stdio: 'inherit', env: { ...process.env, ...env } }),
  );
}

/** One line on stderr, so that a command's own output stays clean. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

export function fail(line) {
  say(`holdfast: ${line}`);
  process.exit(1);
}

function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const wanted = engines.node.replace('>=', '');
  const [major, minor] = wanted.split('.').map(Number);
  const [ourMajor, ourMinor] = process.versions.node.split('.').map(Number);
  if (ourMajor > major || (ourMajor === major && ourMinor >= minor)) return;
  fail(`Node ${wanted} or newer is needed, this is ${process.version}.`);
}

function install() {
  // npm writes this copy of the lockfile last, so an interrupted install is repeated.
  const installed = join(root, 'node_modules', '.package-lock.json');
  const wanted = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  say('Installing dependencies (npm ci) ...');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], 'npm ci failed');
}

function build() {
  const started = Date.now();
  run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc')], 'the build failed');
  for (const folder of SOURCES) removeOrphans(join('dist', folder), folder);
  const seconds = (Date.now() - started) / 1000;
  if (seconds > 2) say(`Built in ${seconds.toFixed(1)} s.`);
}

/** Deletes what was compiled from a source that is gone: it must not be run, tested or packed. */
function removeOrphans(built, sources) {
  if (!existsSync(join(root, built))) return;
  for (const entry of readdirSync(join(root, built), { withFileTypes: true })) {
    const path = join(built, entry.name);
    if (!entry.isDirectory()) {
      const source = join(sources, entry.name.replace(/(\.d\.ts|\.js\.map|\.js)$/, '.ts'));
      if (!existsSync(join(root, source))) rmSync(join(root, path), { force: true });
    } else if (existsSync(join(root, sources, entry.name))) removeOrphans(path, join(sources, entry.name));
    else rmSync(join(root, path), { recursive: true, force: true });
  }
}

function run(command, args, failure) {
  // npm is a .cmd file on Windows, which only a shell can start; output goes to stderr, away from the command's own.
  const shell = process.platform === 'win32' && command === 'npm';
  const { status, error } = spawnSync(command, args, { cwd: root, shell, stdio: ['ignore', 2, 2] });
  if (status !== 0) fail(error === undefined ? `${failure} (see above).` : `${failure}: ${error.message}`);
}

function exitLike({ status, signal, error }) {
  if (error !== undefined) fail(error.message);
  if (signal !== null) process.kill(process.pid, signal);
  else process.exitCode = status;
}
