// npm run test:nodes [-- name ...]: the suite on every Node line that holdfast supports, one row each.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, say, setup } from './setup.mjs';

const LINES = [20, 22, 24, 26];
const CLOSING = /^\d+ passed, \d+ failed, \d+ skipped$/;

setup();
const rows = LINES.map((line) => runOn(line, process.argv.slice(2)));
process.stdout.write(`\n${rows.map(render).join('\n')}\n`);
process.exitCode = rows.every((row) => row.ok) ? 0 : 1;

function runOn(line, names) {
  const node = nodeBinary(line);
  if (node === undefined)
    return { line, version: '-', ok: false, result: 'this Node could not be installed', seconds: 0 };
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  say(`\nNode ${version}`);
  const started = Date.now();
  const { status, stdout } = spawnSync(node, [join('dist', 'test', 'run.js'), ...names], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.stdout.write(stdout);
  const closing = stdout.trim().split('\n').at(-1);
  const result = CLOSING.test(closing) ? closing : 'the runner did not finish';
  return { line, version, ok: status === 0 && result === closing, result, seconds: (Date.now() - started) / 1000 };
}

/** This Node if it is of that line, else the newest of the line from the registry, cached. */
function nodeBinary(line) {
  if (process.versions.node.startsWith(`${line}.`)) return process.execPath;
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const prefix = join(root, '.cache', `node${line}`);
  const binary = join(prefix, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (!existsSync(binary)) {
    say(`Fetching Node ${line} ...`);
    mkdirSync(prefix, { recursive: true });
    const args = ['install', '--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    spawnSync('npm', [...args, `${name}@${line}`], { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  }
  return existsSync(binary) ? binary : undefined;
}

function render({ line, version, ok, result, seconds }) {
  return `${ok ? 'ok  ' : 'FAIL'}  Node ${line}  ${version.padEnd(10)}  ${result}  ${seconds.toFixed(0)} s`;
}
