import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeOf, TTL_MS, TYPES } from '../../src/cli/demo/workload.js';
import type { Lease } from '../../src/index.js';
import { ENGINES } from '../../src/options.js';
import { EngineSubject } from '../engine-subject.js';
import { footprint } from '../footprint.js';
import type { SoloWorkload } from './workload.js';

const LOOK_EVERY_MS = 200;
const LOOKS_ALIKE = 5;

/** Moving a store in: leases in key order, as a range of another store hands them out. */
export const bulkImport: SoloWorkload = {
  name: 'import',
  about: 'import of all leases in key order, and the memory per lease afterwards: at once, and packed',
  suits: (engine) => (ENGINES as readonly string[]).includes(engine),
  async run(bench) {
    const { leases } = bench.job;
    const before = footprint(bench.job.directory);
    const subject = await bench.open('import', 0);
    if (!(subject instanceof EngineSubject)) return;
    const startedMs = performance.now();
    const { imported } = await subject.store.import(inKeyOrder(leases));
    if (imported !== leases) throw new Error(`${imported} of ${leases} leases were imported`);
    bench.report('rate', (leases / (performance.now() - startedMs)) * 1000, 'op/s');
    const after = footprint(bench.job.directory);
    bench.report('resident', (after.residentBytes - before.residentBytes) / leases, 'B/lease');
    const tree = subject.tree();
    if (tree !== undefined) {
      bench.report('slabs', tree.slabBytes / leases, 'B/lease');
      bench.progress('packs');
      bench.report('slabs-packed', (await packedBytes(subject)) / leases, 'B/lease');
    }
    await subject.close();
  },
};

/** The tree's bytes once they have been the same for a while: leases are packed in quiet moments behind an import. */
async function packedBytes(subject: EngineSubject): Promise<number> {
  let bytes = 0;
  for (let looks = 0; looks < LOOKS_ALIKE; looks++) {
    await sleep(LOOK_EVERY_MS);
    const now = subject.tree()?.slabBytes ?? 0;
    if (now !== bytes) looks = 0;
    bytes = now;
  }
  return bytes;
}

function* inKeyOrder(leases: number): Generator<Lease> {
  const acquiredAtMs = Date.now();
  const ofType = Math.ceil(leases / TYPES.length);
  for (let i = 0; i < leases; i++) {
    const rank = i % ofType;
    yield {
      key: { type: TYPES[Math.floor(i / ofType)], id: ascendingId(rank, ofType) },
      owner: nodeOf(rank * TYPES.length),
      token: acquiredAtMs * 1000 + i,
      acquiredAtMs,
      expiresAtMs: acquiredAtMs + TTL_MS,
      ttlMs: TTL_MS,
      renewals: 0,
    };
  }
}

/** A UUID that is greater than that of the rank before, spread over all that there could be. */
function ascendingId(rank: number, of: number): string {
  const high = Math.floor((rank / of) * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
  const low = rank.toString(16).padStart(12, '0');
  return `${high}-${low.slice(0, 4)}-4${low.slice(4, 7)}-a${low.slice(7, 10)}-${low}`;
}
