import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { EngineName } from '../lease-store.js';
import { ENGINES } from '../options.js';

/** A mistake in the call: exit code 2, and the text that says how to call. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** `node:util`'s parser, whose complaints become usage errors. */
export function parsed<const Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export function integerOf(value: string | undefined, name: string, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= min && number <= max) return number;
  throw new UsageError(`${name} must be an integer from ${min} to ${max}; got ${JSON.stringify(value)}`);
}

export function wordOf<Word extends string>(
  value: string | undefined,
  name: string,
  words: readonly Word[],
): Word | undefined {
  if (value === undefined || words.includes(value as Word)) return value as Word | undefined;
  throw new UsageError(`${name} must be ${words.join(' or ')}; got ${JSON.stringify(value)}`);
}

/** A path given as option or argument. */
export function pathOf(value: string | undefined, name: string): string | undefined {
  if (value === '' || value?.includes('\0'))
    throw new UsageError(`${name} must be a path; got ${JSON.stringify(value)}`);
  return value;
}

/** The one directory that a command is given. */
export function onlyDirectory(args: string[]): string {
  const { positionals } = parsed({ args, options: {}, allowPositionals: true });
  if (positionals.length !== 1) throw new UsageError(`one directory is needed; got ${positionals.length}`);
  return pathOf(positionals[0], 'DIR') as string;
}

/** A directory, and with `--to` the one that a command makes of it. */
export function fromTo(args: string[], others: readonly string[] = []) {
  const text = { type: 'string' } as const;
  const options = Object.fromEntries(['to', ...others].map((name) => [name, text]));
  const { positionals, values } = parsed({ args, options, allowPositionals: true });
  if (positionals.length !== 1) throw new UsageError(`one directory is needed; got ${positionals.length}`);
  const to = pathOf(values.to, '--to');
  if (to === undefined) throw new UsageError('--to is needed: the directory that is made');
  return { from: pathOf(positionals[0], 'DIR') as string, to, values };
}

/** `ENGINE:DIR`, of an engine that keeps files. */
export function storeOf(value: string | undefined, name: string): { engine: EngineName; directory: string } {
  const [, engine, directory] = /^([a-z-]+):(.+)$/s.exec(value ?? '') ?? [];
  const known = ENGINES.find((each) => each === engine && each !== 'memory');
  if (known !== undefined) return { engine: known, directory: pathOf(directory, name) as string };
  const engines = ENGINES.filter((each) => each !== 'memory').join(', ');
  throw new UsageError(`${name} must be ENGINE:DIR with one of ${engines}; got ${JSON.stringify(value ?? '')}`);
}
