import { figure } from './format.js';

/** A line or a set of bars with its name; colours go by name, so that one subject has one colour on the whole page. */
export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly note: string;
}

export interface Axis {
  readonly label: string;
  /** Where there is a mark, with its text. */
  readonly ticks: readonly (readonly [number, string])[];
  /** From 0 to 1 across the chart. */
  readonly place: (value: number) => number;
}

const WIDTH = 560;
const HEIGHT = 300;
const LEFT = 64;
const BOTTOM = 40;
const TOP = 10;
const RIGHT = 12;
const BAR_HEIGHT = 20;
const BAR_NAME = 120;
const BAR_NOTE = 200;
const STRIP_HEIGHT = 90;

const COLOURS = [
  '#0b6bcb',
  '#d1495b',
  '#2e8b57',
  '#e08e0b',
  '#7b4bb7',
  '#00838f',
  '#8d6e63',
  '#c2185b',
  '#5d6d1e',
  '#455a64',
  '#3949ab',
  '#6d4c00',
];

export class Palette {
  readonly #names: readonly string[];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  of(name: string): string {
    const at = this.#names.indexOf(name);
    return at < 0 ? '#999' : COLOURS[at % COLOURS.length];
  }
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A logarithmic axis with a mark at every power of ten. */
export function logAxis(label: string, values: readonly number[], unit = ''): Axis {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  const low = Math.floor(Math.log10(Math.min(...positive, Number.MAX_VALUE)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, Number.MIN_VALUE))));
  const exponents = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  return {
    label,
    ticks: exponents.map((exponent) => [10 ** exponent, `${figure(10 ** exponent)}${unit}`]),
    place: (value) => (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low),
  };
}

/** Shares of operations, as far from 1 as to make room for the slowest few. */
export function shareAxis(shares: readonly number[]): Axis {
  const nines = Math.max(1, ...shares.filter((share) => share < 1).map((share) => -Math.log10(1 - share)));
  const marks = [0, 0.9, 0.99, 0.999, 0.9999].filter((share) => share === 0 || -Math.log10(1 - share) <= nines + 1e-9);
  // The very slowest has no place on such an axis: it goes to the edge.
  const span = nines * 1.08;
  return {
    label: 'share of operations',
    ticks: marks.map((share) => [share, share === 0 ? '0' : `P${share * 100}`]),
    place: (share) => (share >= 1 ? 1 : Math.min(1, -Math.log10(1 - share) / span)),
  };
}

export function linearAxis(label: string, values: readonly number[]): Axis {
  const high = Math.max(1e-9, ...values);
  return {
    label,
    ticks: [0, 0.25, 0.5, 0.75, 1].map((share) => [share * high, figure(share * high)]),
    place: (value) => value / high,
  };
}

export function lineChart(lines: readonly Line[], across: Axis, up: Axis, palette: Palette): string {
  const x = (value: number) => LEFT + across.place(value) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => TOP + (1 - up.place(value)) * (HEIGHT - TOP - BOTTOM);
  const grid = [
    ...across.ticks.map(
      ([value, text]) =>
        `<line class="grid" x1="${at(x(value))}" x2="${at(x(value))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text x="${at(x(value))}" y="${HEIGHT - BOTTOM + 15}" text-anchor="${x(value) > WIDTH - 40 ? 'end' : 'middle'}">${escapeXml(text)}</text>`,
    ),
    ...up.ticks.map(
      ([value, text]) =>
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(value))}" y2="${at(y(value))}"/><text x="${LEFT - 6}" y="${at(y(value) + 4)}" text-anchor="end">${escapeXml(text)}</text>`,
    ),
  ];
  const drawn = lines.map(({ name, points }) => {
    const path = points.map(([a, b]) => `${at(x(a))},${at(y(b))}`).join(' ');
    const dots = points.length > 6 ? '' : points.map(([a, b]) => dot(x(a), y(b), palette.of(name))).join('');
    return `<g><title>${escapeXml(name)}</title><polyline fill="none" stroke="${palette.of(name)}" stroke-width="1.8" points="${path}"/>${dots}</g>`;
  });
  const labels = `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeXml(across.label)}</text><text transform="translate(12 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escapeXml(up.label)}</text>`;
  return `${svg(WIDTH, HEIGHT, [...grid, labels, ...drawn])}${legend(lines, palette)}`;
}

/** Longest first. */
export function barChart(bars: readonly Bar[], palette: Palette): string {
  const longest = Math.max(...bars.map(({ value }) => value));
  const room = WIDTH - BAR_NAME - BAR_NOTE;
  const drawn = [...bars]
    .sort((a, b) => b.value - a.value)
    .map(({ name, value, note }, i) => {
      const top = i * BAR_HEIGHT;
      const width = Math.max(1, (value / longest) * room);
      return `<text x="${BAR_NAME - 6}" y="${top + 14}" text-anchor="end">${escapeXml(name)}</text><rect x="${BAR_NAME}" y="${top + 3}" width="${at(width)}" height="${BAR_HEIGHT - 6}" fill="${palette.of(name)}"/><text x="${at(BAR_NAME + width + 6)}" y="${top + 14}">${escapeXml(note)}</text>`;
    });
  return svg(WIDTH, bars.length * BAR_HEIGHT + 4, drawn);
}

/** Spikes from the ground, one for each moment: a stall is what stands out. */
export function stripChart({ name, points }: Line, up: Axis, palette: Palette): string {
  const end = Math.max(1e-9, ...points.map(([ms]) => ms));
  const ground = STRIP_HEIGHT - 16;
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, points.length);
  const marks = up.ticks.map(([value, text]) => {
    const y = at(TOP + (1 - up.place(value)) * (ground - TOP));
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/><text x="${LEFT - 6}" y="${Number(y) + 4}" text-anchor="end">${escapeXml(text)}</text>`;
  });
  const spikes = points
    .filter(([, us]) => us > 0)
    .map(([ms, us]) => {
      const x = LEFT + (ms / end) * (WIDTH - LEFT - RIGHT);
      return `M${at(x)} ${ground}V${at(TOP + (1 - up.place(us)) * (ground - TOP))}`;
    })
    .join('');
  const foot = `<text x="${WIDTH - RIGHT}" y="${STRIP_HEIGHT - 3}" text-anchor="end">${figure(end / 1000)} s</text>`;
  const path = `<path d="${spikes}" stroke="${palette.of(name)}" stroke-width="${at(Math.max(0.8, step * 0.8))}"/>`;
  return `<figure><figcaption>${escapeXml(name)}</figcaption>${svg(WIDTH, STRIP_HEIGHT, [...marks, path, foot])}</figure>`;
}

function legend(lines: readonly Line[], palette: Palette): string {
  const names = lines.map(
    ({ name }) => `<span><i style="background:${palette.of(name)}"></i>${escapeXml(name)}</span>`,
  );
  return `<p class="legend">${names.join('')}</p>`;
}

function svg(width: number, height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${parts.join('')}</svg>`;
}

const dot = (x: number, y: number, colour: string) => `<circle cx="${at(x)}" cy="${at(y)}" r="2.5" fill="${colour}"/>`;

const at = (value: number) => value.toFixed(1);
