import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lease, migrate, openStore, shadow } from '../../src/index.js';

/*
 * A service that runs on RocksDB moves to the copy-on-write tree without stopping:
 *
 *   1. copy what is there (migrate), 2. mirror every write and compare reads (shadow),
 *   3. serve 1, 10, 50, then 100 % of the keys from the new store, 4. retire the old one.
 *
 * Workers hold leases all the while, and notice if one is lost or granted twice. Run: node dist/bench/examples/rocksdb-to-cow-btree.js
 */

const ACTORS = 2000;
const WORKERS = 20;
const TTL_MS = 300_000;

const root = mkdtempSync(join(tmpdir(), 'holdfast-rollout-'));
const open = (engine: 'rocksdb' | 'cow-btree') =>
  openStore<{ node: string }>({ engine, directory: join(root, engine), memoryBytesMax: 1 << 30 });
const keyOf = (i: number) => ({ type: 'player', id: `actor-${i}` });
const log = (line: string): void => console.log(line);

const rocksdb = await open('rocksdb');
await rocksdb.acquireMany(
  Array.from({ length: ACTORS }, (_, i) => ({
    key: keyOf(i),
    owner: `node-${i % WORKERS}`,
    ttlMs: TTL_MS,
    value: { node: `node-${i % WORKERS}` },
  })),
);
log(`${await rocksdb.count()} leases in rocksdb`);

const tree = await open('cow-btree');
const copied = await migrate(rocksdb, tree);
log(`copied ${copied.copied} at ${copied.leasesPerSecond} leases/s, verified: ${copied.verification?.ok}`);

const store = await shadow(rocksdb, tree, { sample: 0.1 });
let stopped = false;
let renewed = 0;

/** One node of the service: renews what it holds, hands an actor over now and then, and trusts nothing. */
async function node(worker: number): Promise<void> {
  const name = `node-${worker}`;
  const held: Lease[] = [];
  for await (const lease of store.range({ owner: name })) held.push(lease);
  for (let turn = 0; !stopped; turn++) {
    const at = turn % held.length;
    const lease = held[at];
    const outcome = await store.renew(lease);
    if (!outcome.ok) throw new Error(`${name} lost ${lease.key.id}: ${outcome.reason}`);
    renewed++;
    const read = await store.get(lease.key);
    if (read?.token !== lease.token) throw new Error(`${lease.key.id} reads as lost`);
    if (turn % 50 !== 0) continue;
    const thief = await store.acquire(lease.key, { owner: 'somebody else', ttlMs: TTL_MS });
    if (thief.ok) throw new Error(`${lease.key.id} was granted twice`);
    await store.release(lease);
    const again = await store.acquire(lease.key, { owner: name, ttlMs: TTL_MS, value: { node: name } });
    if (!again.ok || again.lease.token <= lease.token) throw new Error(`the token of ${lease.key.id} did not rise`);
    held[at] = again.lease;
  }
}

const nodes = Promise.all(Array.from({ length: WORKERS }, (_, worker) => node(worker)));
const pause = () => new Promise((resolve) => setTimeout(resolve, 300));
const walk = async (): Promise<void> => {
  for (const percent of [1, 10, 50, 100]) {
    await pause();
    await store.moveTo(percent);
    const { compared, divergences, mirror } = store.metrics();
    log(
      `${percent} % on cow-btree: ${renewed} renewals, ${compared} reads compared, ${divergences} differ, ${mirror.pending} to mirror`,
    );
  }
  await pause();
};
// A node that fails ends the walk.
await Promise.race([walk(), nodes.then(() => Promise.reject(new Error('the nodes ended')))]);
stopped = true;
await nodes;

await store.caughtUp();
log(`${await store.count()} leases in cow-btree, ${store.metrics().divergences} divergences; rocksdb can be retired`);
if ((await store.count()) !== ACTORS || store.metrics().divergences > 0) process.exitCode = 1;
await store.close();
rmSync(root, { recursive: true, force: true });
