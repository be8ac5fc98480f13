#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { LeaseStoreError } from '../errors.js';
import { fromTo, integerOf, onlyDirectory, parsed, pathOf, storeOf, UsageError, wordOf } from './usage.js';

const USAGE = `Usage: holdfast <command> [options]

  demo          Loads leases, kills the process that renews them, recovers, proves that nothing acknowledged is
                missing, and measures.
                --leases N       how many to load (1,000,000)
                --seconds N      how long the child process may play; below 8, all else gets shorter too (8)
                --directory DIR  where the store goes and stays (a temporary directory)
                --shards N       writer threads (what the store has; in a new one, one less than there are cores)
                --durability D   written or synced (written)
                --seed N         picks the actors and what happens to them (1)
  verify DIR    Checks every byte of a store that nobody has open.
  inspect DIR   Shows what a store consists of: its manifest, checkpoints, log, trees, owners and types.
  dump DIR      Prints the stored leases, one JSON object a line.
  dump-wal DIR  Prints the records of the log, one JSON object a line.
  restore DIR --to NEW
                Makes a store of a backup that is good, with tokens above all that were handed out since.
  salvage DIR --to NEW
                Makes a store of what is left of a damaged one, which it does not change, and tells what is lost.
                --value-encoding E  json, utf8 or buffer; needed only where the manifest is lost
  migrate --from ENGINE:DIR --to ENGINE:DIR
                Copies all live leases from one store to another, such as rocksdb:old to cow-btree:new, and compares
                them. Nobody may have either open. Interrupted, it goes on when it is run again.
                --value-encoding E  json, utf8 or buffer, as the option valueEncoding of the source (json)

  --help        this text
  --version     the version of holdfast

Exit codes: 0 all is well, 1 something is damaged, missing or failed, 2 the call was wrong, 3 salvaged in part,
130 interrupted.
`;

type Command = (args: string[]) => Promise<number>;

const COMMANDS: { readonly [name: string]: Command } = {
  demo: async (args) => {
    const { LEASES_DEFAULT, SECONDS_DEFAULT, runDemo } = await import('./demo/demo.js');
    const text = { type: 'string' } as const;
    const { values } = parsed({
      args,
      options: { leases: text, shards: text, seconds: text, directory: text, durability: text, seed: text },
    });
    return runDemo({
      leases: integerOf(values.leases, '--leases', 1000, 100_000_000) ?? LEASES_DEFAULT,
      shards: integerOf(values.shards, '--shards', 1, 256),
      seconds: integerOf(values.seconds, '--seconds', 1, 3600) ?? SECONDS_DEFAULT,
      directory: pathOf(values.directory, '--directory'),
      durability: wordOf(values.durability, '--durability', ['written', 'synced']) ?? 'written',
      seed: integerOf(values.seed, '--seed', 0, 0x7fffffff) ?? 1,
    });
  },
  verify: async (args) => (await import('./offline/verify.js')).verify(onlyDirectory(args)),
  inspect: async (args) => (await import('./offline/inspect.js')).inspect(onlyDirectory(args)),
  dump: async (args) => (await import('./offline/dump.js')).dump(onlyDirectory(args)),
  'dump-wal': async (args) => (await import('./offline/dump-wal.js')).dumpWal(onlyDirectory(args)),
  restore: async (args) => {
    const { from, to } = fromTo(args);
    return (await import('./offline/restore.js')).restore(from, to);
  },
  migrate: async (args) => {
    const text = { type: 'string' } as const;
    const { values } = parsed({ args, options: { from: text, to: text, 'value-encoding': text } });
    const [from, to] = [storeOf(values.from, '--from'), storeOf(values.to, '--to')];
    const encoding = valueEncodingOf(values['value-encoding']);
    return (await import('./migrate.js')).runMigration(from, to, encoding);
  },
  salvage: async (args) => {
    const { from, to, values } = fromTo(args, ['value-encoding']);
    return (await import('./offline/salvage.js')).salvage(from, to, valueEncodingOf(values['value-encoding']));
  },
};

function valueEncodingOf(word: string | undefined) {
  return wordOf(word, '--value-encoding', ['json', 'utf8', 'buffer']);
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined) throw new UsageError('which command?');
  if (args.includes('--help') || ['--help', '-h', 'help'].includes(name)) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (name === '--version') {
    console.log(version());
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}`);
  return command(args);
}

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** What the caller can put right by calling otherwise, as opposed to a store that is in a bad way. */
const CALLERS_MISTAKES: readonly string[] = [
  'ERR_HOLDFAST_INVALID_ARGUMENT',
  'ERR_HOLDFAST_LOCKED',
  'ERR_HOLDFAST_FORMAT',
];

// Whoever reads our output has had enough of it: "holdfast dump DIR | head".
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = 1;
  if (error instanceof UsageError) {
    console.error(`holdfast: ${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
  } else if (error instanceof LeaseStoreError) {
    console.error(`holdfast: ${error.code}: ${error.message}`);
    if (CALLERS_MISTAKES.includes(error.code)) process.exitCode = 2;
  } else console.error(error);
}
