import fc from 'fast-check';
import type { ActorKey, LeaseRange } from '../../../src/lease.js';
import { START_MS, type ShardFixture, type Stored } from '../../support/shard-fixture.js';

const TYPES = ['a', 'aa', 'player', 'ż', '\u{1f600}'];
const OWNERS = ['node-1', 'node-2', 'nœud-3'];
const UUID = '9f1c2e04-7b7d-4c3e-9a53-0b1e6d2f8a11';
/** Ids around which byte order, UTF-16 order and the order of packed UUIDs differ most easily. */
const EDGES = [UUID, UUID.slice(0, -1), `${UUID}0`, UUID.toUpperCase(), '9', 'a', 'aa', 'é', '\uffff', '\u{10000}'];

const uuid = fc.uuid();
const id = fc.oneof(
  uuid,
  uuid,
  fc.constantFrom(...EDGES),
  uuid.map((text) => `user-${text}`),
  fc.integer({ min: 0, max: 300 }).map(String),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
    .filter((text) => text.isWellFormed() && !text.includes('\0')),
);

export const actor: fc.Arbitrary<ActorKey> = fc.record(
  { type: fc.constantFrom(...TYPES), id },
  { noNullPrototype: true },
);

/** Nothing, an empty value, one among the lease's cells, one in nodes of its own. */
const value = fc.constantFrom(undefined, '', 'v', 'ü'.repeat(40), 'x'.repeat(600), '0123456789'.repeat(409));

export const stored: fc.Arbitrary<Stored> = fc
  .record({
    key: actor,
    owner: fc.constantFrom(...OWNERS),
    acquired: fc.integer({ min: 0, max: 10_000_000 }),
    lifeMs: fc.integer({ min: -3000, max: 5000 }),
    ttlMs: fc.integer({ min: 1, max: 4_000_000_000 }),
    renewals: fc.integer({ min: 0, max: 4_294_967_295 }),
    value,
  })
  .map(({ acquired, lifeMs, value, ...rest }) => ({
    ...rest,
    token: START_MS * 1000 + acquired,
    expiresAtMs: START_MS + lifeMs,
    ...(value === undefined ? {} : { value }),
  }));

const bounds = fc.record(
  {
    gt: id,
    gte: id,
    lt: id,
    lte: id,
  },
  { requiredKeys: [] },
);

export const range: fc.Arbitrary<LeaseRange> = fc
  .record(
    {
      type: fc.constantFrom(...TYPES, 'absent'),
      owner: fc.constantFrom(...OWNERS, 'nobody'),
      after: actor,
      reverse: fc.boolean(),
      limit: fc.integer({ min: 0, max: 60 }),
      includeExpired: fc.boolean(),
    },
    { requiredKeys: [] },
  )
  .chain((shape) => bounds.map((given) => withBounds(shape, given)));

/** Bounds need a type, and exclude each other. */
function withBounds(shape: LeaseRange, given: Pick<LeaseRange, 'gt' | 'gte' | 'lt' | 'lte'>): LeaseRange {
  if (shape.type === undefined) return shape;
  const { gt, gte, lt, lte } = given;
  return {
    ...shape,
    ...(gt !== undefined ? { gt } : gte !== undefined ? { gte } : {}),
    ...(lt !== undefined ? { lt } : lte !== undefined ? { lte } : {}),
  };
}

/** What is stored, kept in the plainest way; answers what each read means. */
export class RangeModel {
  readonly #leases = new Map<string, Stored>();

  put(lease: Stored): void {
    this.#leases.set(nameOf(lease.key), lease);
  }

  remove(key: ActorKey): void {
    this.#leases.delete(nameOf(key));
  }

  get(key: ActorKey, nowMs: number): Stored | undefined {
    const lease = this.#leases.get(nameOf(key));
    return lease !== undefined && lease.expiresAtMs > nowMs ? lease : undefined;
  }

  copy(): RangeModel {
    const copy = new RangeModel();
    for (const lease of this.#leases.values()) copy.put(lease);
    return copy;
  }

  keys(): ActorKey[] {
    return [...this.#leases.values()].map(({ key }) => key);
  }

  range(range: LeaseRange, nowMs: number): Stored[] {
    const { limit = Number.POSITIVE_INFINITY, includeExpired } = range;
    const found = this.#covered(range).filter((lease) => includeExpired === true || lease.expiresAtMs > nowMs);
    return found.slice(0, Math.min(limit, found.length));
  }

  count(range: LeaseRange, live: boolean, nowMs: number): number {
    const found = this.#covered(range).filter((lease) => !live || lease.expiresAtMs > nowMs);
    return Math.min(found.length, range.limit ?? found.length);
  }

  #covered(range: LeaseRange): Stored[] {
    const { type, owner, gt, gte, lt, lte, after, reverse } = range;
    const found = [...this.#leases.values()].filter(
      ({ key, owner: held }) =>
        (type === undefined || key.type === type) &&
        (owner === undefined || held === owner) &&
        (gt === undefined || compareText(key.id, gt) > 0) &&
        (gte === undefined || compareText(key.id, gte) >= 0) &&
        (lt === undefined || compareText(key.id, lt) < 0) &&
        (lte === undefined || compareText(key.id, lte) <= 0) &&
        (after === undefined || compareActors(key, after) * (reverse === true ? -1 : 1) > 0),
    );
    found.sort((a, b) => compareActors(a.key, b.key));
    return reverse === true ? found.reverse() : found;
  }
}

export function compareActors(a: ActorKey, b: ActorKey): number {
  return compareText(a.type, b.type) || compareText(a.id, b.id);
}

function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function nameOf(key: ActorKey): string {
  return `${key.type}\0${key.id}`;
}

/** What a read answers for a stored lease. */
export function shown(lease: Stored) {
  const acquiredAtMs = Math.min(Math.floor(lease.token / 1000), lease.expiresAtMs - lease.ttlMs);
  return { ...lease, acquiredAtMs };
}

/** One thing done to the store, and to the model beside it. */
export type Change =
  | { readonly kind: 'put'; readonly lease: Stored }
  | { readonly kind: 'remove'; readonly key: ActorKey }
  | { readonly kind: 'publish' };

export const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 8, arbitrary: stored.map((lease) => ({ kind: 'put', lease }) as const) },
  { weight: 2, arbitrary: actor.map((key) => ({ kind: 'remove', key }) as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'publish' } as const) },
);

/** Does the changes to both and publishes. */
export function apply(fixture: ShardFixture, model: RangeModel, changes: readonly Change[]): void {
  for (const step of changes) {
    if (step.kind === 'publish') fixture.publish();
    else if (step.kind === 'put') {
      fixture.put(step.lease);
      model.put(step.lease);
    } else {
      fixture.remove(step.key);
      model.remove(step.key);
    }
  }
  fixture.publish();
}
