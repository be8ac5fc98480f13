export interface Row {
  readonly what: string;
  readonly target: string;
  readonly projected: string;
  readonly measured: string;
}

const HEAD: Row = { what: '', target: 'RFC target', projected: 'RFC projection', measured: 'measured here' };

/** The comparison, in columns as wide as what is in them. */
export function table(rows: readonly Row[]): string {
  const all = [HEAD, ...rows];
  const width = (pick: (row: Row) => string) => Math.max(...all.map((row) => pick(row).length));
  const [what, target, projected] = [width((r) => r.what), width((r) => r.target), width((r) => r.projected)];
  const lines = all.map(
    (row) =>
      `${row.what.padEnd(what)}  ${row.target.padEnd(target)}  ${row.projected.padEnd(projected)}  ${row.measured}`,
  );
  lines.splice(1, 0, '-'.repeat(Math.max(...lines.map((line) => line.length))));
  return lines.join('\n');
}
