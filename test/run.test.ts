import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryDirectory } from './support/env.js';
import { type FileResult, readDirectives, runTestFile, type TestFile } from './support/test-file.js';
import { discover, runAll } from './support/test-run.js';

const UVU = `import { test } from '${import.meta.resolve('uvu')}';\n`;
const CLOSING = /^\n(\d+ passed, \d+ failed, \d+ skipped)$/;
const directory = temporaryDirectory();
const { NODE_V8_COVERAGE: _, ...env } = process.env;

function fixture(name: string, body: string, directives = ''): TestFile {
  const [source, compiled] = [join(directory, `${name}.test.ts`), join(directory, `${name}.test.js`)];
  writeFileSync(source, directives);
  writeFileSync(compiled, UVU + body);
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  return { name, source, compiled };
}

function run(file: TestFile, timeoutMs = 20_000): Promise<FileResult> {
  return runTestFile(file, timeoutMs, { ...env, NO_COLOR: '1' });
}

async function report(files: TestFile[], width = 2): Promise<{ ok: boolean; lines: string[] }> {
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  const ok = await runAll(files, { timeoutMs: 20_000, width, env: { ...env, NO_COLOR: '1' }, print });
  return { ok, lines };
}

const PASSING = fixture('passing', `test('a', () => {}); test.skip('b', () => {}); test('c', () => {}); test.run();`);
const FAILING = fixture(
  'failing',
  `test('good', () => {}); test('bad', () => { throw new Error('the reason'); }); test.run();`,
);

/** Files that go wrong in ways that uvu or the exit code alone would let pass, and what the runner says of each. */
const CRASHES: [name: string, body: string, fault: RegExp][] = [
  [
    'before',
    `test.before(() => { throw new Error('x'); }); test('a', () => {}); test.run();`,
    /1 of 1 tests did not fini/,
  ],
  ['rejects-nothing', `test('a', () => Promise.reject()); test.run();`, /1 of 1 tests did not finish/],
  ['forgotten-run', `test('a', () => {});`, /no summary/],
  ['no-tests', `test.run();`, /no tests in it/],
  ['early-exit', `test('a', () => process.exit(0)); test.run();`, /no summary/],
  ['never-settles', `test('a', () => new Promise(() => {})); test.run();`, /no summary/],
  ['late-code', `test('a', () => {}); test.run(); process.on('exit', () => { process.exitCode = 7; });`, /exit code 7/],
  ['kills-itself', `test('a', () => process.kill(process.pid, 'SIGKILL')); test.run();`, /ended by SIGKILL/],
  [
    'stray-rejection',
    `process.on('unhandledRejection', () => process.emitWarning('y', 'UnhandledPromiseRejectionWarning'));
     test('a', () => { Promise.reject(new Error('stray')); }); test.run();`,
    /UnhandledPromiseRejection on stderr/,
  ],
];

test('a passing file counts its tests, and skipped ones apart', async () => {
  const { passed, failed, skipped, faults } = await run(PASSING);
  assert.equal({ passed, failed, skipped, faults }, { passed: 2, failed: 0, skipped: 1, faults: [] });
});

test('a failing test is counted beside those that pass, with its message in the output', async () => {
  const { passed, failed, faults, output } = await run(FAILING);
  assert.equal({ passed, failed, faults }, { passed: 1, failed: 1, faults: [] });
  assert.match(output, 'the reason');
});

for (const [name, body, fault] of CRASHES) {
  test(`${name}: counts as one failure, and says why`, async () => {
    const { failed, faults } = await run(fixture(name, body));
    assert.is(failed, 1);
    assert.is(faults.length > 0, true);
    assert.match(faults.join('\n'), fault);
  });
}

test('a file that hangs is killed, and all that it started', async () => {
  // The grandchild holds the file's stdout, so the result can come early only if it was killed too.
  const body = `import { spawn } from 'node:child_process';
    spawn(process.execPath, ['-e', 'setTimeout(() => {}, 15_000)'], { stdio: 'inherit' });
    test('a', () => new Promise(() => setInterval(() => {}, 1000))); test.run();`;
  const { failed, faults, elapsedMs } = await run(fixture('hangs', body), 1_500);
  assert.is(failed, 1);
  assert.match(faults.join('\n'), /killed: still running after 1.5 s/);
  assert.ok(elapsedMs < 10_000, `${elapsedMs} ms`);
});

test('a file that leaves a handle open after its summary is killed and fails', async () => {
  const file = fixture('open-handle', `setInterval(() => {}, 1000); test('a', () => {}); test.run();`);
  const { passed, failed, faults } = await run(file, 1_500);
  assert.equal([passed, failed], [1, 1]);
  assert.match(faults.join('\n'), /killed/);
});

test('a file may ask for a longer watchdog', async () => {
  const body = `test('a', () => new Promise((resolve) => setTimeout(resolve, 700))); test.run();`;
  assert.is((await run(fixture('slow', body), 300)).failed, 1);
  assert.is((await run(fixture('slow', body, '// timeout: 20s\n'), 300)).failed, 0);
});

test('directives are read from the first lines only', () => {
  assert.equal(readDirectives('// serial\n// timeout: 300s\n'), { serial: true, timeoutMs: 300_000 });
  assert.equal(readDirectives(`${'\n'.repeat(5)}// serial\n// timeout: 300s\n`), { serial: false, timeoutMs: 0 });
});

test('a source that was not compiled fails; what is compiled of a deleted source is not run', async () => {
  const sources = temporaryDirectory();
  const compiled = temporaryDirectory();
  writeFileSync(join(sources, 'new.test.ts'), '');
  writeFileSync(join(compiled, 'deleted.test.js'), '');
  const files = discover(sources, compiled);
  assert.equal(
    files.map((file) => file.name),
    ['test/new.test.ts'],
  );
  assert.match((await run(files[0]!)).faults.join('\n'), /not compiled/);
});

test('filters choose files by a part of their path', () => {
  const sources = temporaryDirectory();
  for (const name of ['tree.test.ts', 'wal.test.ts', 'tree.ts']) writeFileSync(join(sources, name), '');
  const names = (...filters: string[]) => discover(sources, sources, filters).map((file) => file.name);
  assert.equal(names(), ['test/tree.test.ts', 'test/wal.test.ts']);
  assert.equal(names('tree'), ['test/tree.test.ts']);
  assert.equal(names('test/w', 'tree'), ['test/tree.test.ts', 'test/wal.test.ts']);
  assert.equal(names('nothing'), []);
});

test('the report ends with the sum of all files and shows the output of those that failed', async () => {
  const { ok, lines } = await report([PASSING, FAILING, fixture('empty', '')]);
  assert.is(ok, false);
  assert.is(CLOSING.exec(lines.at(-1)!)?.[1], '3 passed, 2 failed, 1 skipped');
  const text = lines.join('\n');
  assert.match(text, 'the reason');
  assert.match(text, /^FAIL +\d+\.\d s {2}failing {2}1 passed, 1 failed$/m);
  assert.match(text, /^ok {5} *\d+\.\d s {2}passing {2}2 passed, 1 skipped$/m);
});

test('all passing is well; nothing run is not', async () => {
  assert.is((await report([PASSING])).ok, true);
  const none = await report([]);
  assert.is(none.ok, false);
  assert.is(CLOSING.exec(none.lines.at(-1)!)?.[1], '0 passed, 0 failed, 0 skipped');
});

test('serial files run with nothing beside them, after the others', async () => {
  const clocked = (name: string, directives: string) =>
    fixture(
      name,
      `import { performance } from 'node:perf_hooks';
       const now = () => performance.timeOrigin + performance.now();
       test('a', async () => { const from = now(); await new Promise((resolve) => setTimeout(resolve, 400));
         const { writeFileSync } = await import('node:fs');
         writeFileSync(${JSON.stringify(join(directory, name))}, JSON.stringify([from, now()])); }); test.run();`,
      directives,
    );
  const names = ['s1', 'p1', 's2', 'p2'];
  assert.is((await report(names.map((name) => clocked(name, name.startsWith('s') ? '// serial\n' : '')))).ok, true);
  const spans = Object.fromEntries(
    names.map((name) => [name, JSON.parse(readFileSync(join(directory, name), 'utf8')) as [number, number]]),
  );
  const [s1, s2, p1, p2] = [spans.s1!, spans.s2!, spans.p1!, spans.p2!];
  assert.ok(Math.max(p1[1], p2[1]) < Math.min(s1[0], s2[0]), 'the serial ones come after');
  assert.ok(s1[1] < s2[0] || s2[1] < s1[0], 'and apart');
});

test.run();
