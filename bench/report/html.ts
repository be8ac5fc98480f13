import type { BenchResult, Level, Series } from '../record.js';
import { DEFAULT_ENGINE } from '../subjects.js';
import { SHARED, SOLO } from '../workloads/list.js';
import { figure, spread } from './format.js';
import type { Median } from './medians.js';
import { RFC_COLUMNS, type RfcCell, rfcTable } from './rfc-table.js';
import { bySetting, Figures } from './select.js';
import { barChart, escapeXml, type Line, lineChart, logAxis, Palette, shareAxis, stripChart } from './svg.js';

/** Everything on one page that needs no other file and no script. */
export function html(found: BenchResult): string {
  const result = bySetting(found);
  const figures = new Figures(result);
  const palette = new Palette([DEFAULT_ENGINE, ...figures.engines.filter((engine) => engine !== DEFAULT_ENGINE)]);
  const page = new Page(result, figures, palette);
  const sections = [
    section('The RFC’s comparison', page.rfc()),
    section('Operations a second', page.throughput()),
    section('Latency by share of operations', page.curves()),
    section('Latency over time: the slowest operation of each moment', page.strips()),
    section('Growth', page.growth()),
    section('All figures', page.everything()),
    section('Who took part', page.participants()),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>holdfast bench</title><style>${STYLE}</style></head>
<body><h1>holdfast bench</h1>${page.circumstances()}${sections.join('')}</body></html>
`;
}

const STYLE = `
body{font:14px/1.45 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d5d9de}h3{margin:.2rem 0 .4rem;font-size:14px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.2rem .6rem;border-bottom:1px solid #e4e7eb;text-align:right;white-space:nowrap}
td:first-child,th:first-child{text-align:left}.wide{overflow-x:auto}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(480px,1fr));gap:1.5rem}
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#4a525c}.grid{stroke:#e4e7eb}
figure{margin:0 0 .3rem}figcaption,.note{color:#4a525c;font-size:13px}
.legend span{margin-right:1rem;white-space:nowrap;font-size:13px}.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.35em;border-radius:2px}
`;

function section(title: string, body: string): string {
  return body === '' ? '' : `<section><h2>${title}</h2>${body}</section>`;
}

const charts = (parts: readonly string[]) => (parts.length === 0 ? '' : `<div class="charts">${parts.join('')}</div>`);

const chart = (title: string, about: string, body: string) =>
  `<div><h3>${escapeXml(title)}</h3><p class="note">${escapeXml(about)}</p>${body}</div>`;

const named = (level: Level) => (level === 'none' ? '' : `, '${level}'`);

class Page {
  readonly #result: BenchResult;
  readonly #figures: Figures;
  readonly #palette: Palette;

  constructor(result: BenchResult, figures: Figures, palette: Palette) {
    this.#result = result;
    this.#figures = figures;
    this.#palette = palette;
  }

  circumstances(): string {
    const { machine, node, commit, seed, leases, runs, quick, startedAt, seconds } = this.#result;
    const words = [
      `${machine.cpu}, ${machine.cores} cores, ${figure(machine.memoryBytes / 2 ** 30)} GiB, ${machine.system}`,
      `Node ${node}`,
      `commit ${commit}`,
      `${leases.toLocaleString('en')} leases, seed ${seed}`,
      `${runs} ${runs === 1 ? 'run' : 'runs: medians, with the least and the greatest in brackets'}`,
      `${startedAt}, ${figure(seconds)} s`,
    ];
    const warning = quick ? '<p><b>A quick run: it shows that everything works; its figures mean little.</b></p>' : '';
    return `<p>${words.map(escapeXml).join(' · ')}</p>${warning}`;
  }

  rfc(): string {
    const rows = rfcTable(this.#result);
    if (rows.length === 0) return '';
    const head = ['projected / <b>measured</b>', ...RFC_COLUMNS.map(({ title }) => escapeXml(title))];
    const body = rows.map(({ engine, cells }) => [escapeXml(engine), ...cells.map(rfcCell)]);
    const definitions = RFC_COLUMNS.map(
      ({ title, definition }) => `<p class="note"><b>${title}</b>: ${escapeXml(definition)}</p>`,
    );
    return `${table(head, body)}${definitions.join('')}`;
  }

  throughput(): string {
    const own = this.#own().filter(({ metric, setting }) => /(^|-)rate$/.test(metric) && setting === undefined);
    return charts(
      groups(own, titleOf).map(([title, medians]) => {
        const bars = medians.map((median) => {
          return { name: median.engine, value: median.value, note: `${spread(median)} ${median.unit}` };
        });
        return chart(title, aboutOf(medians[0].workload), barChart(bars, this.#palette));
      }),
    );
  }

  curves(): string {
    const curves = this.#series('curve').filter(({ setting }) => setting === undefined);
    return charts(
      groups(curves, topic).map(([title, own]) => {
        const lines = own.map(lineOf);
        const up = logAxis('µs', values(lines));
        const palette = paletteFor(own, lines, this.#palette);
        return chart(title, aboutOf(own[0].workload), lineChart(lines, shareAxis(shares(lines)), up, palette));
      }),
    );
  }

  strips(): string {
    const strips = this.#series('strip').filter(({ setting }) => setting === undefined);
    return charts(
      groups(strips, topic).map(([title, own]) => {
        const lines = own.map(lineOf);
        const up = logAxis('µs', values(lines), ' µs');
        const palette = paletteFor(own, lines, this.#palette);
        const body = lines.map((line) => stripChart(line, up, palette));
        return chart(title, aboutOf(own[0].workload), body.join(''));
      }),
    );
  }

  growth(): string {
    const sizes = new Set(this.#figures.all.map(({ leases }) => leases));
    if (sizes.size < 2) return '';
    const costs = this.#figures.all.filter(
      ({ metric, durability, setting }) =>
        (metric === 'p50' || metric === 'rate') && durability !== 'synced' && setting === undefined,
    );
    return charts(
      groups(costs, ({ workload, metric }) => `${workload} ${metric}`).flatMap(([title, medians]) => {
        const lines = groups(medians, ({ engine }) => engine)
          .map(([name, own]): Line => ({ name, points: own.map(cost).sort(([a], [b]) => a - b) }))
          .filter(({ points }) => points.length > 1);
        if (lines.length === 0) return [];
        const across = logAxis(
          'leases',
          lines.flatMap(({ points }) => points.map(([leases]) => leases)),
        );
        const up = logAxis('µs an operation', values(lines));
        return [chart(title, aboutOf(medians[0].workload), lineChart(lines, across, up, this.#palette))];
      }),
    );
  }

  everything(): string {
    const heads = this.#figures.engines;
    const rows = groups(this.#figures.all, (median) => {
      const { workload, metric, unit, durability, leases, setting } = median;
      const variant = setting === undefined ? '' : ` [${setting}]`;
      const size = leases === this.#figures.leases ? '' : `, ${leases.toLocaleString('en')} leases`;
      return `${workload}${variant} ${metric} (${unit})${synced(durability)}${size}`;
    }).map(([name, medians]) => {
      const own = new Map(medians.map((median) => [median.engine, median]));
      const base = own.get(DEFAULT_ENGINE);
      return [escapeXml(name), ...heads.map((head) => cell(own.get(head), base))];
    });
    return `<p class="note">×: ratio to ${DEFAULT_ENGINE}.</p>${table(['', ...heads.map(escapeXml)], rows)}`;
  }

  participants(): string {
    const { participants, absences } = this.#result;
    const lines = [
      ...participants.map(
        ({ engine, durability, mode }) =>
          `<b>${escapeXml(engine)}</b>${escapeXml(named(durability))}: ${escapeXml(mode)}`,
      ),
      ...absences.map(
        ({ engine, workload, reason }) =>
          `left out: <b>${escapeXml(engine)}</b> ${escapeXml(workload ?? '')}: ${escapeXml(reason)}`,
      ),
    ];
    return `<ul>${lines.map((line) => `<li>${line}</li>`).join('')}</ul>`;
  }

  #own(): Median[] {
    return this.#figures.all.filter(({ leases }) => leases === this.#figures.leases);
  }

  #series(kind: Series['kind']): Series[] {
    return this.#result.series.filter((series) => series.kind === kind && series.leases === this.#figures.leases);
  }
}

function rfcCell({ projected = '–', measured }: RfcCell): string {
  const found = measured === undefined ? '–' : `${spread(measured)} ${measured.unit}`.trimEnd();
  return `${escapeXml(projected)} / <b>${escapeXml(found)}</b>`;
}

function cell(median: Median | undefined, base: Median | undefined): string {
  if (median === undefined) return '–';
  const ratio =
    base === undefined || base === median ? '' : ` <span class="note">×${figure(median.value / base.value)}</span>`;
  return `${escapeXml(spread(median))}${ratio}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (tag: string) => (cells: readonly string[]) =>
    `<tr>${cells.map((one) => `<${tag}>${one}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table>${line('th')(head)}${rows.map(line('td')).join('')}</table></div>`;
}

/** µs an operation, whether a latency or a rate was measured. */
function cost({ leases, metric, value }: Median): [number, number] {
  return [leases, metric === 'rate' ? 1e6 / value : value];
}

const titleOf = ({ workload, metric, durability }: Median) =>
  `${workload}${metric === 'rate' ? '' : ` ${metric}`}${synced(durability)}`;

const synced = (level: Level) => (level === 'synced' ? ", 'synced'" : '');

/** What belongs on one chart: all subjects of a workload, or all parts of one that has its own control, of one subject. */
function topic({ engine, workload, durability }: Series): string {
  const [name, part] = workload.split(':');
  const ofOne = part !== undefined && ['stalls', 'expiry', 'control'].includes(name);
  return ofOne && engine !== name ? `${name}, ${engine}` : ofOne ? name : `${workload}${synced(durability)}`;
}

/** The subject, or the part where a chart is about one subject. */
function lineOf(series: Series): Line {
  const isPart = !topic(series).startsWith(series.workload);
  return {
    name: isPart ? series.workload.slice(series.workload.indexOf(':') + 1) : series.engine,
    points: series.points,
  };
}

/** One colour a subject, on the whole page; where a chart is about one subject, one a line. */
function paletteFor(series: readonly Series[], lines: readonly Line[], palette: Palette): Palette {
  const ofSubjects = lines.every(({ name }, i) => name === series[i].engine);
  return ofSubjects ? palette : new Palette(lines.map(({ name }) => name));
}

const ABOUT = new Map([...SHARED, ...SOLO].map(({ name, about }) => [name, about]));

function aboutOf(workload: string): string {
  return ABOUT.get(workload.split(':')[0]) ?? '';
}

const values = (lines: readonly Line[]) => lines.flatMap(({ points }) => points.map(([, value]) => value));
const shares = (lines: readonly Line[]) => lines.flatMap(({ points }) => points.map(([share]) => share));

function groups<T>(list: readonly T[], nameOf: (one: T) => string): [string, T[]][] {
  const found = new Map<string, T[]>();
  for (const one of list) {
    const name = nameOf(one);
    const group = found.get(name);
    if (group === undefined) found.set(name, [one]);
    else group.push(one);
  }
  return [...found];
}
