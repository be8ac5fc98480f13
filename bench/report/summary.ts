import type { BenchResult } from '../record.js';
import { columns, figure } from './format.js';
import { type Median, medians } from './medians.js';

const DEFAULT_ENGINE = 'cow-btree';

/** All figures as text: a table for each durability, a row a figure, a column a subject, with the ratio to the default engine. */
export function summary(result: BenchResult): string {
  const all = medians(result.records);
  const levels = [...new Set(all.map(({ durability }) => durability))].filter((level) => level !== 'none');
  const parts = (levels.length === 0 ? ['none' as const] : levels).map((level) => {
    const shown = all.filter(({ durability }) => durability === level || durability === 'none');
    return `\ndurability '${level}'\n\n${levelTable(shown)}`;
  });
  return `${parts.join('')}\n${participants(result)}`;
}

function levelTable(shown: readonly Median[]): string {
  const engines = [...new Set(shown.map(({ engine }) => engine))];
  const figures = [...new Set(shown.map(nameOf))];
  const rows = figures.map((name) => {
    const own = new Map(shown.filter((median) => nameOf(median) === name).map((median) => [median.engine, median]));
    const base = own.get(DEFAULT_ENGINE);
    return [name, ...engines.map((engine) => cell(own.get(engine), base))];
  });
  return columns([['', ...engines], ...rows]);
}

const nameOf = ({ workload, metric, unit }: Median) => `${workload} ${metric} (${unit})`;

function cell(median: Median | undefined, base: Median | undefined): string {
  if (median === undefined) return '–';
  const spread = median.runs > 1 ? ` [${figure(median.min)}–${figure(median.max)}]` : '';
  const ratio = base === undefined || base === median ? '' : ` ×${figure(median.value / base.value)}`;
  return `${figure(median.value)}${spread}${ratio}`;
}

function participants({ participants, absences }: BenchResult): string {
  return [
    ...participants.map(({ engine, durability, mode }) => `${engine} (${durability}): ${mode}\n`),
    ...absences.map(
      ({ engine, workload, reason }) => `left out: ${engine}${workload ? ` ${workload}` : ''}: ${reason}\n`,
    ),
  ].join('');
}
