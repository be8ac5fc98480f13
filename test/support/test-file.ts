import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/*
 * Runs one compiled test file in a process of its own and judges what it did. uvu alone cannot be trusted with that: it
 * exits 0 when a `before` hook throws, when a test rejects with nothing, when `test.run()` was forgotten and when there
 * are no tests. So a file passes only if uvu printed its summary, every test it counted passed, and the process ended by
 * itself with code 0.
 */

export interface TestFile {
  /** What the report calls it: the path of its source. */
  name: string;
  source: string;
  compiled: string;
}

/** What the comments in the first lines of a source ask for. */
export interface Directives {
  /** `// serial`: runs with nothing beside it. */
  serial: boolean;
  /** `// timeout: 300s`: at least this long before the watchdog ends it. */
  timeoutMs: number;
}

export interface FileResult {
  name: string;
  passed: number;
  /** Failed tests, at least 1 if the file as a whole went wrong. */
  failed: number;
  skipped: number;
  /** Why the file counts as failed, when uvu's own report does not say it. */
  faults: string[];
  /** Whether the watchdog ended it. */
  timedOut: boolean;
  /** stdout and stderr as they came, the oldest part cut off if there is too much. */
  output: string;
  elapsedMs: number;
}

interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  timedOutAfterMs: number | undefined;
  output: string;
  errors: string;
}

const DIRECTIVE_LINES = 5;
const OUTPUT_CHARACTERS_MAX = 16 << 20;
const SUMMARY = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm;
/** Node's warnings that mean a bug; others (an experimental API) do not. */
const FATAL_WARNING =
  /^\(node:\d+\) (?:\S+ )?(UnhandledPromiseRejection|PromiseRejectionHandled|MaxListenersExceeded)/m;

const running = new Set<ChildProcess>();

export function readDirectives(source: string): Directives {
  const head = source.split('\n', DIRECTIVE_LINES);
  const seconds = head.map((line) => /^\/\/ timeout: (\d+)s$/.exec(line)?.[1]).find((match) => match !== undefined);
  return { serial: head.includes('// serial'), timeoutMs: Number(seconds ?? 0) * 1000 };
}

/** Runs `file`; never rejects: whatever goes wrong is in the result. `timeoutMs` is raised by the file's own directive. */
export async function runTestFile(file: TestFile, timeoutMs: number, env: NodeJS.ProcessEnv): Promise<FileResult> {
  const started = performance.now();
  const result = (faults: string[], counts: Partial<FileResult>, output = ''): FileResult => ({
    name: file.name,
    passed: 0,
    failed: 1,
    skipped: 0,
    timedOut: false,
    ...counts,
    faults,
    output,
    elapsedMs: performance.now() - started,
  });
  if (!existsSync(file.compiled)) return result([`it was not compiled: ${file.compiled} does not exist`], {});
  const directives = readDirectives(readFileSync(file.source, 'utf8'));
  const ending = await run(file.compiled, Math.max(timeoutMs, directives.timeoutMs), env);
  const { faults, ...counts } = judge(ending);
  return result(faults, { ...counts, timedOut: ending.timedOutAfterMs !== undefined }, ending.output);
}

/** Kills every test process still running, and all that they started. */
export function killRunning(): void {
  for (const child of running) killGroup(child);
}

function run(compiled: string, timeoutMs: number, env: NodeJS.ProcessEnv): Promise<Ending> {
  // A group of its own, so that what a test leaves behind can be found and ended with it.
  const child = spawn(process.execPath, [compiled], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const output: string[] = [];
  const errors: string[] = [];
  collect(child.stdout, output);
  collect(child.stderr, output, errors);
  return new Promise((resolve) => {
    let timedOutAfterMs: number | undefined;
    const watchdog = setTimeout(() => {
      timedOutAfterMs = timeoutMs;
      killGroup(child);
    }, timeoutMs);
    child.once('error', (error) => errors.push(String(error)));
    child.once('exit', () => {
      clearTimeout(watchdog);
      // A grandchild that lives on would hold the pipes open, and the next test would run beside it.
      killGroup(child);
    });
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal, timedOutAfterMs, output: output.join(''), errors: errors.join('') });
    });
  });
}

function collect(stream: NodeJS.ReadableStream, ...into: string[][]): void {
  let characters = 0;
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    characters += chunk.length;
    for (const chunks of into) {
      chunks.push(chunk);
      if (characters > OUTPUT_CHARACTERS_MAX) chunks.shift();
    }
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group is gone already: that is what was wanted.
  }
}

function judge(ending: Ending): Pick<FileResult, 'passed' | 'failed' | 'skipped' | 'faults'> {
  const summary = [...ending.output.matchAll(SUMMARY)].at(-1);
  const [total, passed, skipped] =
    summary === undefined ? [0, 0, 0] : (summary.slice(1).map(Number) as [number, number, number]);
  const faults: string[] = [];
  if (ending.timedOutAfterMs !== undefined)
    faults.push(`killed: still running after ${ending.timedOutAfterMs / 1000} s`);
  else if (ending.signal !== null) faults.push(`ended by ${ending.signal}`);
  if (summary === undefined) faults.push("no summary: is the 'test.run()' at the end missing, or did it exit early?");
  else if (total + skipped === 0) faults.push('no tests in it');
  const warning = FATAL_WARNING.exec(ending.errors)?.[1];
  if (warning !== undefined) faults.push(`${warning} on stderr`);
  // uvu swallows what a hook throws: it shows only in tests that were counted and never ran.
  const failed = total - passed;
  if (failed > 0 && ending.code === 0)
    faults.push(`${failed} of ${total} tests did not finish: a hook threw, or an error was no Error`);
  if (failed === 0 && ending.code !== null && ending.code !== 0) faults.push(`exit code ${ending.code}`);
  return { passed, skipped, failed: failed === 0 && faults.length > 0 ? 1 : failed, faults };
}
