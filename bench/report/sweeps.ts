import type { BenchResult } from '../record.js';
import { figure } from './format.js';
import { circumstances, table } from './markdown.js';
import { type Median, medians } from './medians.js';

interface Column {
  readonly title: string;
  readonly workload: string;
  readonly metrics: readonly string[];
}

const LATENCY = ['p50', 'p95', 'p99'];

const COLUMNS: readonly Column[] = [
  { title: 'awaited renew, µs: P50 / P95 / P99', workload: 'renew-1', metrics: LATENCY },
  { title: 'renewals/s, 256 in flight', workload: 'renew-256', metrics: ['rate'] },
  { title: 'renewals/s, in batches', workload: 'renew-batch', metrics: ['rate'] },
  { title: 'gets/s', workload: 'get', metrics: ['rate'] },
  { title: 'rows/s, scans of 100', workload: 'scan-100', metrics: ['rate'] },
  { title: 'first page of 10, µs: P50', workload: 'page', metrics: ['p50'] },
  { title: 'count, µs: P50', workload: 'count', metrics: ['p50'] },
  { title: 'idle, % of a core', workload: 'idle', metrics: ['cpu'] },
  { title: 'first call after idling, µs: P50 / P95', workload: 'idle:first-call', metrics: ['p50', 'p95'] },
  { title: '1,000 renewals/s, even, µs: P50 / P95', workload: 'renew-even:1000', metrics: ['p50', 'p95'] },
  { title: 'at % of a core', workload: 'renew-even:1000', metrics: ['cpu'] },
  { title: '10,000 renewals/s, even, µs: P50 / P95', workload: 'renew-even:10000', metrics: ['p50', 'p95'] },
  { title: 'at % of a core', workload: 'renew-even:10000', metrics: ['cpu'] },
  { title: 'profile at 1,000/s, µs: P50 / P95', workload: 'paced:lease', metrics: ['p50', 'p95'] },
  { title: 'at % of a core', workload: 'paced:lease', metrics: ['cpu'] },
  { title: 'profile at 10,000/s, µs: P50 / P95', workload: 'paced:high throughput', metrics: ['p50', 'p95'] },
  { title: 'at % of a core', workload: 'paced:high throughput', metrics: ['cpu'] },
];

/** The result of a sweep: a row for each value of the option, a column for what was measured with it. */
export function readmeSweep(name: string, result: BenchResult | undefined): string {
  const command = `\`npm run bench -- --sweep ${name}\``;
  if (result === undefined) return `No result of ${command} is committed yet.`;
  const found = medians(result.records);
  const settings = [...new Set(found.map(({ setting }) => setting ?? ''))];
  const columns = COLUMNS.filter((column) => settings.some((setting) => cell(found, setting, column) !== undefined));
  const rows = settings.map((setting) => [setting, ...columns.map((column) => cell(found, setting, column) ?? '–')]);
  return `${command}: ${circumstances(result)}\n\n${table([name, ...columns.map(({ title }) => title)], rows)}`;
}

/** `undefined` if it was not measured. */
function cell(found: readonly Median[], setting: string, { workload, metrics }: Column): string | undefined {
  const values = metrics.map((metric) =>
    found.find((one) => one.setting === setting && one.workload === workload && one.metric === metric),
  );
  if (values.some((value) => value === undefined)) return undefined;
  return values.map((value) => figure((value as Median).value)).join(' / ');
}
