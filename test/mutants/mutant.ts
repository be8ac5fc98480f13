/** A planted bug: one change of the source, and the tests that must not pass with it. */
export interface Mutant {
  /** What it does wrong. */
  readonly name: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** Test files of which at least one fails, the cheapest first; paths below test/, without `.test.ts`. */
  readonly killedBy: readonly string[];
  /** It may hang a test for ever: only then does the watchdog count as a test that failed. */
  readonly mayHang?: true;
}

/** The source with the bug in it. Throws when the text to change is not there, or more than once. */
export function plant(mutant: Mutant, source: string): string {
  const at = source.indexOf(mutant.from);
  if (at < 0) throw new Error(`"${mutant.name}": ${mutant.file} has no longer: ${mutant.from}`);
  if (source.indexOf(mutant.from, at + 1) >= 0) {
    throw new Error(`"${mutant.name}": ${mutant.file} has more than once: ${mutant.from}`);
  }
  return source.slice(0, at) + mutant.to + source.slice(at + mutant.from.length);
}

/** The path of a test's source. */
export function testPath(name: string): string {
  return `test/${name}.test.ts`;
}
