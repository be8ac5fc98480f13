import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { killRunning, runTestFile } from '../support/test-file.js';
import { type Mutant, testPath } from './mutant.js';
import { MUTANTS } from './mutants.js';
import { Workbench } from './workbench.js';

/*
 * npm run mutants [-- --only name] [--list]: plants one bug after the other in a copy of the project and runs the tests
 * that should find it. One that no test finds is a failure: either the suite has a gap, or the line does nothing.
 */

const TEST_TIMEOUT_MS = 300_000;

/** What the tests made of a bug: the file that failed, or `undefined` if none did. */
type Killer = string | undefined;

const { values: options } = parseArgs({ options: { only: { type: 'string' }, list: { type: 'boolean' } } });
const chosen = MUTANTS.filter(({ name, file }) => `${name} ${file}`.includes(options.only ?? ''));
const env = { ...process.env, NO_COLOR: '1', HOLDFAST_SEED: '1' };

if (options.list) for (const mutant of chosen) console.log(`${mutant.file}: ${mutant.name}`);
else process.exitCode = (await runChosen()) ? 0 : 1;

async function runChosen(): Promise<boolean> {
  if (chosen.length === 0) console.log(`No bug is called "${options.only}"; --list names them all.`);
  const bench = new Workbench(fileURLToPath(new URL('../../../', import.meta.url)));
  const cleanUp = () => {
    killRunning();
    bench.remove();
  };
  process.once('exit', cleanUp);
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  if (!(await passesWithoutBugs(bench))) return false;
  const survivors: Mutant[] = [];
  for (const mutant of chosen) {
    const started = performance.now();
    const killer = await bench.with(mutant, () => findKiller(bench, mutant));
    const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`.padStart(7);
    console.log(`${killer === undefined ? 'ALIVE ' : 'killed'} ${seconds}  ${mutant.name}${by(mutant, killer)}`);
    if (killer === undefined) survivors.push(mutant);
  }
  console.log(`\n${chosen.length - survivors.length} of ${chosen.length} planted bugs were found`);
  return survivors.length === 0 && chosen.length > 0;
}

function by({ file, killedBy }: Mutant, killer: Killer): string {
  return killer === undefined ? ` (${file}): ${killedBy.join(', ')} passed` : ` (${killer})`;
}

/** A test that fails anyway finds nothing. */
async function passesWithoutBugs(bench: Workbench): Promise<boolean> {
  const names = [...new Set(chosen.flatMap(({ killedBy }) => killedBy))];
  console.log(`${names.length} test files without a bug, then ${chosen.length} bugs\n`);
  for (const name of names) {
    const result = await runTestFile(bench.testFile(name), TEST_TIMEOUT_MS, env);
    if (result.failed === 0) continue;
    console.log(`${testPath(name)} fails without any bug:\n${result.output}${result.faults.join('\n')}`);
    return false;
  }
  return true;
}

async function findKiller(bench: Workbench, mutant: Mutant): Promise<Killer> {
  for (const name of mutant.killedBy) {
    const result = await runTestFile(bench.testFile(name), TEST_TIMEOUT_MS, env);
    if (result.failed > 0 && (!result.timedOut || mutant.mayHang === true)) return name;
  }
  return undefined;
}
