import type { BenchResult, Level } from '../record.js';
import { CONTROL } from '../subjects.js';
import { SWEEPS } from '../sweeps.js';
import { figure } from './format.js';
import { circumstances, table } from './markdown.js';
import { RFC_COLUMNS, rfcTable } from './rfc-table.js';
import { Figures } from './select.js';
import { readmeSweep } from './sweeps.js';

/** A part of the README that is rendered from a result that is committed. */
export interface Rendered {
  /** As its marks say it. */
  readonly name: string;
  /** The result, from the top of the project. */
  readonly file: string;
  readonly render: (result: BenchResult | undefined) => string;
}

const COMPARISON = 'bench/results/comparison.json';

interface Column {
  readonly title: string;
  readonly of: (figures: Figures, engine: string) => string;
}

const plain = (workload: string, metric: string, level: Level = 'written') => {
  return (figures: Figures, engine: string) => {
    const median = figures.find(engine, workload, metric, level);
    return median === undefined ? '–' : figure(median.value);
  };
};

const COLUMNS: readonly Column[] = [
  {
    title: 'awaited renew, µs: P50 / P95 / P99',
    of: (figures, engine) => {
      const found = ['p50', 'p95', 'p99'].map((metric) => plain('renew-1', metric)(figures, engine));
      return found.every((one) => one === '–') ? '–' : found.join(' / ');
    },
  },
  { title: 'renewals/s, 256 in flight', of: plain('renew-256', 'rate') },
  { title: 'renewals/s, 1,000 a call', of: plain('renew-batch', 'rate') },
  { title: "renewals/s, a node's leases in one call", of: plain('renew-node', 'rate') },
  { title: "awaited renew `'synced'`, µs: P50", of: plain('renew-1', 'p50', 'synced') },
  { title: "renewals/s `'synced'`, 256 in flight", of: plain('renew-256', 'rate', 'synced') },
  { title: 'get, µs: P95', of: plain('get', 'p95') },
  { title: 'gets/s', of: plain('get', 'rate') },
  { title: 'rows/s, scans of 100', of: plain('scan-100', 'rate') },
  { title: 'rows/s, a whole node', of: plain('node', 'rate') },
  { title: 'recovery, ms', of: plain('recovery', 'open') },
  { title: 'B/lease resident', of: plain('memory', 'resident') },
  { title: 'disk bytes / record bytes', of: plain('write-amplification', 'disk') },
];

/** The README's comparison: the RFC's table, then every subject that took part; or what to do while there is no result. */
export function readmeComparison(result: BenchResult | undefined): string {
  if (result === undefined) {
    return `No result is committed yet: \`npm run bench -- --json ${COMPARISON}\` on a quiet machine, then \`npm run bench:readme\`.`;
  }
  const figures = new Figures(result);
  const engines = figures.engines.filter((engine) => engine !== CONTROL);
  const rows = COLUMNS.map(({ title, of }) => [title, ...engines.map((engine) => of(figures, engine))]);
  const everything = table(
    ['', ...engines.map((engine) => `\`${engine}\``)],
    // What nobody was asked for is no row.
    rows.filter(([, ...cells]) => cells.some((cell) => cell !== '–')),
  );
  const where = `${circumstances(result)} Durability \`'written'\` unless it says otherwise.`;
  return [rfc(result), where, everything, modes(result)].join('\n\n');
}

function rfc(result: BenchResult): string {
  const rows = rfcTable(result).map(({ engine, cells }) => [
    `\`${engine}\``,
    ...cells.map(({ projected = '–', measured }) => {
      return `${projected} / ${measured === undefined ? '–' : `**${`${figure(measured.value)} ${measured.unit}`.trimEnd()}**`}`;
    }),
  ]);
  const definitions = RFC_COLUMNS.map(({ title, definition }) => `- **${title}**: ${definition}`);
  const head = ['projected / **measured**', ...RFC_COLUMNS.map(({ title }) => title)];
  return [table(head, rows), definitions.join('\n')].join('\n\n');
}

function modes({ participants, absences }: BenchResult): string {
  const lines = [
    ...participants.map(
      ({ engine, durability, mode }) =>
        `- \`${engine}\`${durability === 'none' ? '' : `, \`'${durability}'\``}: ${mode}`,
    ),
    ...absences.map(
      ({ engine, workload, reason }) =>
        `- left out: \`${engine}\`${workload === undefined ? '' : `, ${workload}`}: ${reason}`,
    ),
  ];
  return lines.join('\n');
}

/** All parts of the README that a bench fills. */
export const RENDERED: readonly Rendered[] = [
  { name: 'comparison', file: COMPARISON, render: readmeComparison },
  ...Object.keys(SWEEPS).map((name) => ({
    name: `sweep ${name}`,
    file: `bench/results/sweep-${name}.json`,
    render: (result: BenchResult | undefined) => readmeSweep(name, result),
  })),
];
