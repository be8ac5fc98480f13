export interface Row {
  readonly what: string;
  readonly target?: string;
  readonly projected?: string;
  readonly measured: string;
  /** Under which conditions it was measured. */
  readonly how?: string;
}

const HEAD: Row = {
  what: '',
  target: 'RFC target',
  projected: 'RFC projection',
  measured: 'measured here',
  how: 'how',
};

/** The comparison, in columns as wide as what is in them. */
export function table(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows].map(({ what, target = '', projected = '', measured, how = '' }) => [
    what,
    target,
    projected,
    measured,
    how,
  ]);
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, '-'.repeat(Math.max(...lines.map((line) => line.length))));
  return lines.join('\n');
}
