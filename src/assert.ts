/** A broken invariant: a bug in holdfast, never a condition that a caller caused. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws {@link InvariantError} unless `condition` holds. For bugs only; conditions that a user can meet return or throw a typed error. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
