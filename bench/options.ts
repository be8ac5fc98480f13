import { parseArgs } from 'node:util';
import { SUBJECTS } from './subjects.js';
import { SWEEPS } from './sweeps.js';
import { QUICK, WORKLOAD_NAMES } from './workloads/list.js';

export interface BenchOptions {
  readonly quick: boolean;
  readonly only: readonly string[];
  readonly engines: readonly string[];
  readonly leases: number;
  readonly runs: number;
  readonly seed: number;
  readonly json: string | undefined;
  readonly html: string | undefined;
  readonly sweep: string | undefined;
  /** Where stores are put while they are measured; undefined for the system's temporary directory. */
  readonly directory: string | undefined;
}

const SWEEP_NAMES = Object.keys(SWEEPS);

export const USAGE = `npm run bench -- [options]

  --quick            about a minute, 50,000 leases: shows that everything works, not what is fast
  --only a,b         workloads: ${WORKLOAD_NAMES.join(', ')}
  --engines x,y      ${SUBJECTS.join(', ')}
  --leases N         default 1,000,000
  --runs N           each subject so often, in processes of its own; medians and spread are reported. Default 3
  --sweep NAME       one setting of cow-btree through its values: ${SWEEP_NAMES.join(', ')}
  --seed N           which actors, and in which order. Default 1
  --directory DIR    where stores are put while they are measured. Default: the system's temporary directory
  --json FILE        everything as JSON, written anew after each run
  --html FILE        one page that needs nothing else, likewise
`;

const LEASES = { full: 1_000_000, quick: 50_000 };
const RUNS = { full: 3, quick: 1 };

/**
 * Undefined where only help was asked for.
 *
 * @throws Error that says what was wrong and what there is
 */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      engines: { type: 'string' },
      leases: { type: 'string' },
      runs: { type: 'string' },
      sweep: { type: 'string' },
      seed: { type: 'string', default: '1' },
      directory: { type: 'string' },
      json: { type: 'string' },
      html: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const size = values.quick ? 'quick' : 'full';
  const sweep = values.sweep === undefined ? undefined : names(values.sweep, '--sweep', SWEEP_NAMES)[0];
  return {
    quick: values.quick,
    only: values.only === undefined && values.quick ? QUICK : names(values.only, '--only', WORKLOAD_NAMES),
    engines: names(values.engines, '--engines', SUBJECTS),
    leases: whole(values.leases ?? String(LEASES[size]), '--leases', 100, 100_000_000),
    runs: whole(values.runs ?? String(RUNS[size]), '--runs', 1, 100),
    seed: whole(values.seed, '--seed', 0, 2 ** 32 - 1),
    sweep,
    directory: values.directory,
    json: values.json,
    html: values.html,
  };
}

function names(text: string | undefined, option: string, known: readonly string[]): readonly string[] {
  if (text === undefined) return known;
  const given = text.split(',').map((name) => name.trim());
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`${option}: there is no '${unknown}'; there are ${known.join(', ')}`);
  return known.filter((name) => given.includes(name));
}

function whole(text: string, option: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${option} takes a whole number from ${min} to ${max}, not '${text}'`);
}
