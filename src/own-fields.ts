import { InvariantError } from './assert.js';
import { invalidArgument, LeaseStoreError } from './errors.js';

/**
 * What a caller handed in, with each of the named properties read exactly once: own properties only, so that a polluted
 * prototype sets no option, and no other names, so that a misspelt one is not silently without effect. A getter or a
 * proxy that throws is a bad argument like any other. `undefined` counts as absent.
 */
export function ownFields<Name extends string>(
  input: unknown,
  field: string,
  names: readonly Name[],
): { readonly [N in Name]?: unknown } {
  if (typeof input !== 'object' || input === null) throw invalidArgument(field, 'an object', input);
  const found: { [N in Name]?: unknown } = Object.create(null);
  try {
    for (const name of Object.keys(input)) {
      if (!names.includes(name as Name)) throw unknownName(field, name, names);
      const value = (input as Record<string, unknown>)[name];
      if (value !== undefined) found[name as Name] = value;
    }
  } catch (error) {
    throw asArgumentError(error, field);
  }
  return found;
}

/** Whatever was thrown while an argument was read, as a typed error; bugs of ours pass through. */
export function asArgumentError(error: unknown, field: string): Error {
  if (error instanceof LeaseStoreError || error instanceof InvariantError) return error;
  return new LeaseStoreError(
    'ERR_HOLDFAST_INVALID_ARGUMENT',
    `${field} must be readable; reading it threw. Pass a plain object`,
    { cause: error },
  );
}

export function unknownName(field: string, name: string, names: readonly string[]): LeaseStoreError {
  const shown = name.length > 40 ? `${name.slice(0, 40)}…` : name;
  return new LeaseStoreError(
    'ERR_HOLDFAST_INVALID_ARGUMENT',
    `${field} has no property ${JSON.stringify(shown)}; it takes ${names.join(', ')}`,
  );
}

/** An integer within bounds, or an error that names both. */
export function integerWithin(value: unknown, field: string, min: number, max: number, part = ''): number {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalidArgument(field + part, `an integer from ${min} to ${max}`, value);
  }
  return value as number;
}

/** One of a few words. */
export function oneOf<Word extends string | number>(value: unknown, field: string, words: readonly Word[]): Word {
  if (words.includes(value as Word)) return value as Word;
  const list = words.map((word) => (typeof word === 'string' ? `'${word}'` : word)).join(', ');
  throw invalidArgument(field, `one of ${list}`, value);
}

export function booleanOf(value: unknown, field: string): boolean {
  if (typeof value !== 'boolean') throw invalidArgument(field, 'a boolean', value);
  return value;
}
