import type { BenchResult } from '../record.js';
import { CONTROL, DEFAULT_ENGINE } from '../subjects.js';
import { columns, figure, spread } from './format.js';
import type { Median } from './medians.js';
import { RFC_COLUMNS, type RfcCell, rfcTable } from './rfc-table.js';
import { bySetting, Figures, figureName } from './select.js';

/** All figures as text. Ratios are to the default engine, in the same run. */
export function summary(result: BenchResult): string {
  const figures = new Figures(bySetting(result));
  const parts =
    result.sweep === undefined
      ? [rfc(result), ...byLevel(figures), growth(figures), machine(figures)]
      : [sweep(result.sweep, figures)];
  return `\n${parts.join('')}${whoTookPart(result)}`;
}

function rfc(result: BenchResult): string {
  const rows = rfcTable(result);
  if (rows.length === 0) return '';
  const head = ['projected / measured', ...RFC_COLUMNS.map(({ title }) => title)];
  const table = columns([head, ...rows.map(({ engine, cells }) => [engine, ...cells.map(rfcCell)])]);
  const definitions = RFC_COLUMNS.map(({ title, definition }) => `  ${title}: ${definition}\n`);
  return `${table}\n${definitions.join('')}\n`;
}

export function rfcCell({ projected = '–', measured }: RfcCell): string {
  return `${projected} / ${measured === undefined ? '–' : `${spread(measured)} ${measured.unit}`.trimEnd()}`;
}

/** A row a figure, a column a subject, in the size that was asked for. */
function byLevel({ all, leases }: Figures): string[] {
  const own = all.filter((median) => median.leases === leases && median.engine !== CONTROL);
  return (['written', 'synced'] as const).map((level) => {
    const names = new Set(own.filter(({ durability }) => durability === level).map(figureName));
    // What has no durability stands beside what is 'written'.
    if (level === 'written') for (const median of own) if (median.durability === 'none') names.add(figureName(median));
    const shown = own.filter(
      (median) => names.has(figureName(median)) && (median.durability === level || median.durability === 'none'),
    );
    if (!shown.some(({ durability }) => durability === level)) return '';
    return `${leases.toLocaleString('en')} leases, durability '${level}'\n\n${table(shown)}\n`;
  });
}

/** The machine itself. */
function machine({ all }: Figures): string {
  const own = all.filter(({ engine }) => engine === CONTROL);
  if (own.length === 0) return '';
  return `the machine\n\n${columns([['', 'no store'], ...own.map((median) => [figureName(median), spread(median)])])}\n`;
}

function growth({ all }: Figures): string {
  const sizes = [...new Set(all.map(({ leases }) => leases))].sort((a, b) => a - b);
  if (sizes.length < 2) return '';
  const growing = new Set(all.filter(({ leases }) => leases === sizes[0]).map(rowName));
  const shown = all.filter((median) => growing.has(rowName(median)) && median.durability !== 'synced');
  const rows = [...new Set(shown.map(rowName))].map((name) => {
    const bySize = new Map(shown.filter((median) => rowName(median) === name).map((median) => [median.leases, median]));
    return [name, ...sizes.map((size) => (bySize.has(size) ? spread(bySize.get(size)!) : '–'))];
  });
  return `growth\n\n${columns([['', ...sizes.map((size) => `${size.toLocaleString('en')} leases`)], ...rows])}\n`;
}

const rowName = (median: Median) => `${median.engine} ${figureName(median)}`;

function sweep(name: string, { all }: Figures): string {
  return `${name}, ${DEFAULT_ENGINE}\n\n${table(all)}\n`;
}

function table(shown: readonly Median[]): string {
  const heads = [...new Set(shown.map(({ engine }) => engine))];
  const rows = [...new Set(shown.map(figureName))].map((name) => {
    const own = new Map(shown.filter((median) => figureName(median) === name).map((median) => [median.engine, median]));
    const base = own.get(DEFAULT_ENGINE);
    return [name, ...heads.map((head) => cell(own.get(head), base))];
  });
  return columns([['', ...heads], ...rows]);
}

function cell(median: Median | undefined, base: Median | undefined): string {
  if (median === undefined) return '–';
  const ratio = base === undefined || base === median ? '' : ` ×${figure(median.value / base.value)}`;
  return `${spread(median)}${ratio}`;
}

function whoTookPart({ participants, absences }: BenchResult): string {
  return [
    ...participants.map(({ engine, durability, mode }) => `${engine} (${durability}): ${mode}\n`),
    ...absences.map(({ engine, workload, reason }) => {
      return `left out: ${engine}${workload === undefined ? '' : ` ${workload}`}: ${reason}\n`;
    }),
  ].join('');
}
