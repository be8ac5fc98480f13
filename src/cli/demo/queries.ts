import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CowBtreeStore, Lease, LeaseRange } from '../../index.js';
import { NODES, TYPES } from './workload.js';

type Store = CowBtreeStore<unknown>;

export interface Answered {
  readonly what: string;
  readonly rows: number;
  readonly ms: number;
  readonly rowsPerSecond: number;
}

const SOME_TYPE = TYPES[3];
const SOME_NODE = NODES[1];

/**
 * What a coordinator asks: all of a type, of a node, of both. Each lease is decoded into a value of its own; the counts
 * are answered from the tree's branches.
 *
 * @throws Error if a count and a walk over the same leases disagree
 */
export function coordinationQueries(store: Store): Answered[] {
  const asked: [string, LeaseRange][] = [
    [`all of ${SOME_TYPE}`, { type: SOME_TYPE }],
    [`all on ${SOME_NODE}`, { owner: SOME_NODE }],
    [`all of ${SOME_TYPE} on ${SOME_NODE}`, { type: SOME_TYPE, owner: SOME_NODE }],
  ];
  return asked.flatMap(([what, range]) => {
    const walked = timed(what, () => {
      let rows = 0;
      for (const _ of store.range(range)) rows++;
      return rows;
    });
    const counted = timed(`${what}, only counted`, () => store.count(range));
    if (counted.rows !== walked.rows) throw new Error(`${what}: counted ${counted.rows}, found ${walked.rows}`);
    return [walked, counted];
  });
}

function timed(what: string, ask: () => number): Answered {
  const started = performance.now();
  const rows = ask();
  const ms = performance.now() - started;
  return { what, rows, ms, rowsPerSecond: (rows / ms) * 1000 };
}

/**
 * Takes a snapshot, renews leases under it, and reads them in both: answers how many have moved on in the store.
 *
 * @throws Error if the snapshot changed, or the store did not
 */
export async function frozenSnapshot(store: Store, leases: readonly Lease[]): Promise<number> {
  using frozen = store.snapshot();
  const before = leases.map(({ key }) => frozen.get(key)?.renewals);
  const count = frozen.count();
  // Deadlines are whole milliseconds.
  await sleep(2);
  const renewed = await store.renewMany(leases);
  const gone = renewed.find(({ ok }) => !ok);
  if (gone !== undefined) throw new Error('a lease could not be renewed under the snapshot');
  leases.forEach(({ key }, i) => {
    const seen = frozen.get(key)?.renewals;
    if (seen === undefined || seen !== before[i]) throw new Error('a snapshot changed under writes');
    if (store.get(key)?.renewals !== seen + 1) throw new Error('a renewal does not show in the store');
  });
  if (frozen.count() !== count) throw new Error('a snapshot grew under writes');
  return leases.length;
}
