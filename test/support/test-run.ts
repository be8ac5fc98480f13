import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type FileResult, readDirectives, runTestFile, type TestFile } from './test-file.js';

export interface RunOptions {
  /** Before the watchdog ends a file; a file may ask for more. */
  timeoutMs: number;
  /** Files at once. */
  width: number;
  env: NodeJS.ProcessEnv;
  print(line: string): void;
}

/**
 * The test files under `sources` (by their sources: what is compiled of a deleted test is not run), with their compiled
 * counterparts under `compiled`. With `filters`, those whose path contains one of them.
 */
export function discover(sources: string, compiled: string, filters: readonly string[] = []): TestFile[] {
  return readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => path.split(sep).join('/'))
    .filter((path) => filters.length === 0 || filters.some((filter) => `test/${path}`.includes(filter)))
    .sort()
    .map((path) => ({
      name: `test/${path}`,
      source: join(sources, path),
      compiled: join(compiled, path.replace(/\.ts$/, '.js')),
    }));
}

/** Runs them all, reports each as it ends and closes with `N passed, N failed, N skipped`. True if all is well. */
export async function runAll(files: readonly TestFile[], options: RunOptions): Promise<boolean> {
  const isSerial = (file: TestFile) => readDirectives(readFileSync(file.source, 'utf8')).serial;
  const serial = files.filter(isSerial);
  const results = [
    ...(await runSome(
      files.filter((file) => !serial.includes(file)),
      options.width,
      options,
    )),
    ...(await runSome(serial, 1, options)),
  ];
  const failures = results.filter((result) => result.failed > 0);
  for (const failure of failures) options.print(`\n──── ${failure.name}\n${failure.output}${faultLines(failure)}`);
  if (files.length === 0) options.print('No test file matches.');
  if (failures.length > 0) options.print(`\nFailed: ${failures.map((failure) => failure.name).join(' ')}`);
  const sum = (count: 'passed' | 'failed' | 'skipped') => results.reduce((total, result) => total + result[count], 0);
  options.print(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  return sum('failed') === 0 && sum('passed') > 0;
}

async function runSome(files: readonly TestFile[], width: number, options: RunOptions): Promise<FileResult[]> {
  const waiting = files.values();
  const results: FileResult[] = [];
  const lane = async () => {
    // The lanes share one iterator: each takes the next file that nobody took.
    for (const file of waiting) {
      const result = await runTestFile(file, options.timeoutMs, options.env);
      options.print(reportLine(result));
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}

function reportLine(result: FileResult): string {
  const { passed, failed, skipped } = result;
  const others = `${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  const seconds = `${(result.elapsedMs / 1000).toFixed(1)} s`;
  return `${failed > 0 ? 'FAIL' : 'ok  '} ${seconds.padStart(7)}  ${result.name}  ${passed} passed${others}`;
}

function faultLines(result: FileResult): string {
  return result.faults.map((fault) => `holdfast test runner: ${fault}\n`).join('');
}
