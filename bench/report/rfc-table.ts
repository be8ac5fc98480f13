import type { BenchResult } from '../record.js';
import type { Median } from './medians.js';
import { Figures } from './select.js';

export interface RfcColumn {
  readonly title: string;
  readonly definition: string;
}

export interface RfcCell {
  /** As the RFC has it; undefined where it, or what we have of it, says nothing. */
  readonly projected: string | undefined;
  readonly measured: Measured | undefined;
}

export interface Measured {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
}

export interface RfcRow {
  readonly engine: string;
  readonly cells: readonly RfcCell[];
}

interface Column extends RfcColumn {
  readonly unit: string;
  /** Of the RFC, by engine. It names figures for the copy-on-write tree only. */
  readonly projected: Readonly<Record<string, string>>;
  readonly of: (figures: Figures, engine: string) => Median | undefined;
}

/** The RFC's rows. */
const ENGINES = ['cow-btree', 'mmap-wal', 'append-log', 'rocksdb', 'lsm', 'memory'];

const COLUMNS: readonly Column[] = [
  {
    title: 'Write P95',
    unit: 'µs',
    definition:
      "P95 of random renewals, each awaited before the next, on a store of all leases, durability 'written'. The RFC's target is below 15 µs.",
    projected: { 'cow-btree': '8 µs' },
    of: (figures, engine) => figures.find(engine, 'renew-1', 'p95'),
  },
  {
    title: 'Read P95',
    unit: 'µs',
    definition: "P95 of random gets, each decoded, the clock's own cost included. The RFC's target is below 5 µs.",
    projected: { 'cow-btree': '2 µs' },
    of: (figures, engine) => figures.find(engine, 'get', 'p95'),
  },
  {
    title: 'Recovery',
    unit: 'ms',
    definition:
      'Opening after SIGKILL with one renewal of every lease behind the last checkpoint, files in the page cache. The RFC’s target is below 5 s. An engine without files has none.',
    projected: { 'cow-btree': '3 s' },
    of: (figures, engine) => figures.find(engine, 'recovery', 'open'),
  },
  {
    title: 'Memory Eff.',
    unit: '%',
    definition:
      'Share of its nodes that a commit of one renewal has in common with the commit before. The RFC’s target is above 90 %. Only the tree has versions, so other rows have no figure.',
    projected: { 'cow-btree': '90 %' },
    of: (figures, engine) => figures.find(engine, 'memory', 'shared-by-commits'),
  },
  {
    title: 'Memory',
    unit: 'B/lease',
    definition:
      'Not in the RFC: resident memory of the process after loading all leases in random order, less that before, a lease. Caches and mapped files of the libraries included.',
    projected: {},
    of: (figures, engine) => figures.find(engine, 'memory', 'resident'),
  },
];

const SCORED = ['Write P95', 'Read P95', 'Recovery', 'Memory'];

const SCORE: RfcColumn = {
  title: 'Overall Score',
  definition: `Ours, as the RFC's formula is not known to us: 100 × geometric mean of (best row / this row) over ${SCORED.join(', ')}. 100 is the best in everything. No score for a row that lacks one of them.`,
};

export const RFC_COLUMNS: readonly RfcColumn[] = [...COLUMNS, SCORE];

/** The RFC's comparison, projected beside measured; engines that did not run have no row. */
export function rfcTable(result: BenchResult): RfcRow[] {
  const figures = new Figures(result);
  const rows = ENGINES.filter((engine) => figures.engines.includes(engine)).map((engine) => ({
    engine,
    cells: COLUMNS.map(({ projected, unit, of }): RfcCell => {
      const median = of(figures, engine);
      return { projected: projected[engine], measured: median && { ...median, unit } };
    }),
  }));
  const scores = scoresOf(rows.map(({ cells }) => cells.map(({ measured }) => measured?.value)));
  return rows.map(({ engine, cells }, i) => ({
    engine,
    cells: [...cells, { projected: undefined, measured: scores[i] }],
  }));
}

function scoresOf(rows: readonly (readonly (number | undefined)[])[]): (Measured | undefined)[] {
  const scored = SCORED.map((title) => COLUMNS.findIndex((column) => column.title === title));
  const best = scored.map((at) => Math.min(...rows.map((row) => row[at] ?? Number.POSITIVE_INFINITY)));
  return rows.map((row) => {
    let product = 1;
    for (const [i, at] of scored.entries()) product *= best[i] / (row[at] ?? Number.NaN);
    const value = 100 * product ** (1 / scored.length);
    return Number.isNaN(value) ? undefined : { value, min: value, max: value, unit: '' };
  });
}
