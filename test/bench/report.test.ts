import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchRecord, BenchResult } from '../../bench/record.js';
import { html } from '../../bench/report/html.js';
import { circumstances } from '../../bench/report/markdown.js';
import { medians } from '../../bench/report/medians.js';
import { shownIn, withShown } from '../../bench/report/marks.js';
import { RENDERED, readmeComparison } from '../../bench/report/readme.js';
import { readmeSweep } from '../../bench/report/sweeps.js';
import { RFC_COLUMNS, rfcTable } from '../../bench/report/rfc-table.js';
import { summary } from '../../bench/report/summary.js';

/** From dist/test/bench up to the top of the project. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

const place = { durability: 'written', leases: 1000, run: 0 } as const;
const record = (engine: string, workload: string, metric: string, value: number, run = 0): BenchRecord => {
  return { ...place, engine, workload, metric, value, unit: 'us', run };
};

const RESULT: BenchResult = {
  format: 1,
  startedAt: '2020-01-01T00:00:00.000Z',
  seconds: 1,
  machine: { cpu: 'a <cpu>', cores: 2, memoryBytes: 2 ** 30, system: 'linux' },
  node: 'v20.20.2',
  commit: '0123456789abcdef',
  seed: 1,
  leases: 1000,
  runs: 3,
  quick: false,
  participants: [{ engine: 'cow-btree', durability: 'written', mode: 'defaults & more' }],
  absences: [{ engine: 'sqlite', reason: 'not here' }],
  records: [
    ...[7, 5, 90].map((value, run) => record('cow-btree', 'renew-1', 'p95', value, run)),
    record('cow-btree', 'get', 'p95', 2),
    record('cow-btree', 'recovery', 'open', 100),
    record('cow-btree', 'memory', 'resident', 200),
    record('lsm', 'renew-1', 'p95', 14),
    record('lsm', 'get', 'p95', 4),
    record('lsm', 'recovery', 'open', 50),
    record('lsm', 'memory', 'resident', 100),
    record('memory', 'renew-1', 'p95', 3.5),
    { ...record('cow-btree', 'renew-1', 'p95', 1000), setting: 'park' },
    { ...record('cow-btree', 'renew-1', 'p95', 1000), leases: 10 },
  ],
  series: [
    {
      ...place,
      engine: 'cow-btree',
      workload: 'renew-1',
      kind: 'curve',
      points: [
        [0.5, 5],
        [0.95, 7],
        [1, 80],
      ],
    },
    {
      ...place,
      engine: 'cow-btree',
      workload: 'renew-1',
      kind: 'strip',
      points: [
        [0, 5],
        [1, 80],
      ],
    },
  ],
};

test('a shortened commit keeps the mark of files that differed from it', () => {
  const commit = '0123456789abcdef0123456789abcdef01234567';
  assert.match(circumstances({ ...RESULT, commit }), /commit 0123456789ab\.$/);
  assert.match(circumstances({ ...RESULT, commit: `${commit}+changes` }), /commit 0123456789ab\+changes\.$/);
  assert.match(circumstances({ ...RESULT, commit: 'unknown' }), /commit unknown\.$/);
});

test('medians take a figure of several runs together, and nothing else', () => {
  const [first, ...others] = medians(RESULT.records);
  assert.equal([first.value, first.min, first.max, first.runs], [7, 5, 90, 3]);
  assert.is(others.length, RESULT.records.length - 3);
  assert.is(medians(RESULT.records.slice(0, 2))[0].value, 6);
});

test('the RFC’s table: projections only where the RFC has them, scores only for whole rows', () => {
  const rows = new Map(rfcTable(RESULT).map(({ engine, cells }) => [engine, cells]));
  assert.equal([...rows.keys()], ['cow-btree', 'lsm', 'memory']);
  const titles = RFC_COLUMNS.map(({ title }) => title);
  const cell = (engine: string, title: string) => rows.get(engine)![titles.indexOf(title)];
  assert.equal(
    titles.map((title) => cell('cow-btree', title).projected),
    ['8 µs', '2 µs', '3 s', '90 %', undefined, undefined],
  );
  assert.ok(rows.get('lsm')!.every(({ projected }) => projected === undefined));
  assert.is(cell('cow-btree', 'Write P95').measured?.value, 7);
  assert.is(cell('memory', 'Recovery').measured, undefined);
  // Of the best: 1/2, 1, 1/2 and 1/2; and 1/4, 1/2, 1 and 1.
  const score = (engine: string) => cell(engine, 'Overall Score').measured?.value;
  assert.ok(Math.abs(score('cow-btree')! - 100 * 0.125 ** 0.25) < 1e-9);
  assert.ok(Math.abs(score('lsm')! - 100 * 0.125 ** 0.25) < 1e-9);
  assert.is(score('memory'), undefined);
});

test('text and page show medians, spread, ratios and absences, and escape what they show', () => {
  const text = summary(RESULT);
  assert.match(text, /renew-1 p95 \(us\) +7 \[5–90\] +14 ×2 +3\.5 ×0\.5/);
  assert.match(text, /renew-1 \[park\] p95/);
  assert.match(text, /left out: sqlite: not here/);
  const page = html(RESULT);
  assert.match(page, /a &#60;cpu&#62;/);
  assert.match(page, /defaults &#38; more/);
  assert.match(page, /7 \[5–90\]/);
  assert.not.match(page, /NaN|undefined|Infinity/);
});

for (const { name, file, render } of RENDERED) {
  test(`the README shows what the committed result of the ${name} renders`, () => {
    const path = join(ROOT, file);
    const committed = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
    assert.is(shownIn(README, name), render(committed));
  });
}

test('rendering replaces what was there, and nothing around it', () => {
  const comparison = readmeComparison(RESULT);
  const once = withShown(README, 'comparison', comparison);
  assert.is(shownIn(once, 'comparison'), comparison);
  assert.is(withShown(once, 'comparison', shownIn(README, 'comparison')), README);
  assert.throws(() => withShown(README, 'nothing', ''), /must have the lines/);
});

test('a sweep has a row for each setting and a column for what was measured', () => {
  const [record] = RESULT.records;
  const of = (setting: string, metric: string, value: number) => ({
    ...record,
    workload: 'renew-1',
    setting,
    metric,
    value,
  });
  const records = ['1', '8'].flatMap((setting, i) =>
    ['p50', 'p95', 'p99'].map((metric, j) => of(setting, metric, 10 * i + j)),
  );
  const rendered = readmeSweep('shards', { ...RESULT, sweep: 'shards', records: [...records, of('8', 'max', 1)] });
  assert.match(rendered, /--sweep shards/);
  assert.ok(rendered.endsWith('| 1 | 0 / 1 / 2 |\n| 8 | 10 / 11 / 12 |'), rendered);
  assert.match(readmeSweep('shards', undefined), /No result .* committed yet/);
});

test.run();
