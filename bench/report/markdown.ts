import type { BenchResult } from '../record.js';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Where and on how much a result was measured. */
export function circumstances({ machine, node, commit, leases, runs }: BenchResult): string {
  return (
    `${leases.toLocaleString('en')} leases, medians of ${runs} ${runs === 1 ? 'run' : 'runs'}, Node ${node}, ` +
    `${machine.cores} cores of ${machine.cpu}, commit ${short(commit)}.`
  );
}

/** Twelve digits tell a commit; what follows them says that files differed from it, and stays. */
function short(commit: string): string {
  return commit.replace(/^([0-9a-f]{12})[0-9a-f]+/, '$1');
}
