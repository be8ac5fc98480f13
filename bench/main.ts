import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProgressLine } from '../src/cli/progress.js';
import { Collector } from './collect.js';
import { type BenchOptions, parseOptions, USAGE } from './options.js';
import { type Planned, plan } from './plan.js';
import { type BenchResult, toJson } from './record.js';
import { html } from './report/html.js';
import { summary } from './report/summary.js';
import { runJob } from './run-job.js';

/*
 * npm run bench: plans what is to be measured, runs each piece in a process of its own, and reports.
 */

const options = optionsOrExit();
const root = mkdtempSync(join(options.directory ?? tmpdir(), 'holdfast-bench-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const collector = new Collector(options);
const jobs = plan(options);
const progress = new ProgressLine();
for (const [i, job] of jobs.entries()) {
  if (!collector.isAbsent(job.engine)) await measure(job, `${i + 1}/${jobs.length} ${job.engine} '${job.durability}'`);
  // Runs take hours: what was measured in the whole ones outlasts an interruption of the next.
  if (job.run !== jobs[i + 1]?.run) save(collector.result(job.run + 1));
}
progress.end(`measured, ${jobs.length} processes`);
process.stdout.write(summary(collector.result(options.runs)));

async function measure(job: Planned, title: string): Promise<void> {
  const ending = await runJob(root, job, (message) => {
    if (message.kind === 'progress') progress.tell(`${title}: ${message.text}`);
    else collector.take(message);
  });
  if (!ending.ok) collector.failed(job, ending);
}

function save(result: BenchResult): void {
  if (options.json !== undefined) writeFileSync(options.json, toJson(result));
  if (options.html !== undefined) writeFileSync(options.html, html(result));
}

function optionsOrExit(): BenchOptions {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options !== undefined) return options;
    process.stdout.write(USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}
