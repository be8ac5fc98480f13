#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { LeaseStoreError } from '../errors.js';

const USAGE = `Usage: holdfast <command> [options]

  demo       load leases, kill the process that renews them, recover, prove, measure
             --leases N (1,000,000)  --shards N  --seconds N (8)  --directory DIR
             --durability written|synced  --seed N

  --help     this text
  --version  the version of holdfast
`;

/** A mistake in the call: exit code 2. */
class UsageError extends Error {}

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv;
  switch (command) {
    case 'demo':
      return demo(rest);
    case '--version':
      console.log(version());
      return 0;
    case '--help':
    case 'help':
      console.log(USAGE);
      return 0;
    default:
      throw new UsageError(command === undefined ? 'which command?' : `there is no command "${command}"`);
  }
}

async function demo(args: string[]): Promise<number> {
  const { values } = parsed(args);
  const { runDemo } = await import('./demo/demo.js');
  return runDemo({
    leases: integer(values.leases, '--leases', 1000, 100_000_000) ?? 1_000_000,
    shards: integer(values.shards, '--shards', 1, 256),
    seconds: integer(values.seconds, '--seconds', 1, 3600) ?? 8,
    directory: values.directory,
    durability: durability(values.durability),
    seed: integer(values.seed, '--seed', 0, 0x7fffffff) ?? 1,
  });
}

function parsed(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      options: { leases: text, shards: text, seconds: text, directory: text, durability: text, seed: text },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function integer(value: string | undefined, name: string, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isInteger(number) && number >= min && number <= max) return number;
  throw new UsageError(`${name} must be an integer from ${min} to ${max}; got ${value}`);
}

function durability(value: string | undefined): 'written' | 'synced' {
  if (value === undefined || value === 'written' || value === 'synced') return value ?? 'written';
  throw new UsageError(`--durability must be written or synced; got ${value}`);
}

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`holdfast: ${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
  } else {
    console.error(error instanceof LeaseStoreError ? `holdfast: ${error.code}: ${error.message}` : error);
    process.exitCode = 1;
  }
}
