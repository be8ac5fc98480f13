import { type AnyChange, type Decide, type Fate, sectorsOf, type Write } from './fault-disk.js';
import type { Random } from './tree-random.js';

/** Some ways in which a crash can end, numbered. */
interface Family {
  readonly count: number;
  at(index: number): Decide;
}

/**
 * Ways in which a crash can decide the changes, which come in the order in which they were made: all of the following,
 * or a random choice of them when there are more than `limit`.
 *
 * All kept and nothing kept (always chosen); each prefix; each change alone missing (so that later ones overtook it)
 * or alone kept; each write torn after each byte, as the last one kept and with all others kept; each sector of each
 * write alone missing or alone kept.
 */
export function* systematicFates(changes: readonly AnyChange[], random: Random, limit: number): Generator<Decide> {
  const families = systematic(changes);
  const total = families.reduce((sum, { count }) => sum + count, 0);
  yield pick(families, 0);
  yield pick(families, 1);
  if (total <= limit) for (let index = 2; index < total; index++) yield pick(families, index);
  else for (let drawn = 2; drawn < limit; drawn++) yield pick(families, 2 + random.below(total - 2));
}

/** Mixtures of all fates, without end. */
export function* mixedFates(changes: readonly AnyChange[], random: Random): Generator<Decide> {
  for (;;) yield mixture(changes, random);
}

function pick(families: readonly Family[], index: number): Decide {
  let rest = index;
  for (const family of families) {
    if (rest < family.count) return family.at(rest);
    rest -= family.count;
  }
  throw new RangeError('no way of that number');
}

function systematic(changes: readonly AnyChange[]): Family[] {
  const n = changes.length;
  const prefix = (kept: number): Decide => (kept === n ? () => 'kept' : before(changes[kept]!));
  const families: Family[] = [
    { count: 2, at: (index) => () => (index === 0 ? 'kept' : 'dropped') },
    { count: Math.max(0, n - 1), at: (index) => prefix(index + 1) },
    { count: n, at: (index) => only(changes[index]!, 'dropped', 'kept') },
    { count: n, at: (index) => only(changes[index]!, 'kept', 'dropped') },
  ];
  for (const change of changes) if (change.kind === 'write') families.push(...tornWays(change));
  return families;
}

function tornWays(write: Write): Family[] {
  const cuts = Math.max(0, write.bytes.length - 1);
  const { first, end } = sectorsOf(write);
  const upTo = before(write);
  const torn = (index: number): Fate => ({ tornAfterBytes: index + 1 });
  const missing = (index: number): Fate => ({ sectorsKept: (sector) => sector !== first + index });
  const alone = (index: number): Fate => ({ sectorsKept: (sector) => sector === first + index });
  return [
    { count: cuts, at: (index) => (change) => (change === write ? torn(index) : upTo(change)) },
    { count: cuts, at: (index) => only(write, torn(index), 'kept') },
    { count: end - first, at: (index) => only(write, missing(index), 'kept') },
    { count: end - first, at: (index) => only(write, alone(index), 'kept') },
  ];
}

function before(end: AnyChange): Decide {
  return (change) => (change.order < end.order ? 'kept' : 'dropped');
}

function only(which: AnyChange, fate: Fate, others: Fate): Decide {
  return (change) => (change === which ? fate : others);
}

/** Decided at once for all changes: asked twice, it must answer the same. */
function mixture(changes: readonly AnyChange[], random: Random): Decide {
  const keptPercent = 10 + random.below(81);
  const fates = new Map(changes.map((change) => [change, randomFate(change, keptPercent, random)]));
  return (change) => fates.get(change)!;
}

function randomFate(change: AnyChange, keptPercent: number, random: Random): Fate {
  if (change.kind !== 'write' || change.bytes.length === 0 || random.below(3) > 0) {
    return random.below(100) < keptPercent ? 'kept' : 'dropped';
  }
  if (random.below(2) === 0) return { tornAfterBytes: random.below(change.bytes.length) };
  const { first, end } = sectorsOf(change);
  const kept = Array.from({ length: end - first }, () => random.below(2) === 0);
  return { sectorsKept: (sector) => kept[sector - first]! };
}
