import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type LeaseStore, openStore } from '../../src/index.js';
import { Random } from '../support/tree-random.js';
import type { ReaderOrder } from './reader.js';
import { Recorder } from './recorder.js';

/*
 * A process that is killed sooner or later: opens the store, and has clients in it fight over a few keys, while other
 * threads read them. All of them keep records.
 */

export interface HostOrder {
  readonly directory: string;
  readonly records: string;
  readonly seed: number;
  readonly shards: number;
  readonly durability: 'written' | 'synced';
  readonly keys: readonly string[];
  readonly clients: number;
  readonly readers: number;
  /** How often each client asks before the process ends by itself; undefined: until it is killed. */
  readonly rounds?: number;
}

const READER = new URL('reader.js', import.meta.url);
/** Most leases expire while they are fought over. */
const TTLS_MS = [2, 5, 10, 30, 100, 60_000];

const order = JSON.parse(process.argv[2]) as HostOrder;
const { directory, records, seed, shards, durability, keys } = order;
const store = await openStore<string>({
  ...{ engine: 'cow-btree', directory, shards, durability },
  ...{ sweepIntervalMs: 5, syncIntervalMs: 10, checkpointWalBytesMin: 64 * 1024, memoryBytesMax: 64 * 1024 * 1024 },
});
const handles = Array.from({ length: order.readers }, () => store.handle());
const recorder = new Recorder(join(records, 'clients.ndjson'));
const { storeMs, monotonicMs } = handles[0].time;
recorder.write({ r: 'open', storeAheadMs: storeMs - monotonicMs });
const readers = handles.map((handle, i) => {
  const workerData: ReaderOrder = { handle, record: join(records, `reader-${i}.ndjson`), keys, seed: seed + i };
  return new Worker(READER, { workerData, transferList: [handle.port] });
});
for (const reader of readers) {
  reader.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
}

/** The tokens that anybody was granted last, by key: everybody tries what others hold, too. */
const tokens = new Map<string, number>();
let stopping = false;

const housekeeping = keepHouse(new Random(seed));
await Promise.all(
  Array.from({ length: order.clients }, (_, i) => play(store, `client-${i}`, new Random(seed * 100 + i))),
);
stopping = true;
await housekeeping;
await Promise.all(
  readers.map((reader) => {
    reader.postMessage('stop');
    return new Promise((resolve) => reader.once('exit', resolve));
  }),
);
await store.close();

async function play(to: LeaseStore<string>, client: string, random: Random): Promise<void> {
  for (let round = 0; round < (order.rounds ?? Number.POSITIVE_INFINITY); round++) {
    const id = random.pick(keys);
    const key = { type: 'actor', id };
    const ttlMs = random.pick(TTLS_MS);
    const token = tokens.get(id) ?? 1;
    const durably = random.chance(0.1) ? ({ durability: 'synced' } as const) : {};
    const which = random.below(10);
    if (which < 4) {
      const value = `${client} ${process.pid} ${round}`;
      const previous = random.chance(0.2) ? { previous: random.chance(0.5) ? token : 0 } : {};
      const asked = { owner: client, ttlMs, value, ...previous };
      const reply = await recorder.ask(client, id, { kind: 'acquire', ...asked }, () =>
        to.acquire(key, { ...asked, ...durably }),
      );
      if (reply?.ok) tokens.set(id, reply.lease.token);
      else if (reply?.reason === 'held') tokens.set(id, reply.current.token);
    } else if (which < 7) {
      await recorder.ask(client, id, { kind: 'renew', token, ttlMs }, () =>
        to.renew({ key, token }, { ttlMs, ...durably }),
      );
    } else if (which < 8) {
      await recorder.ask(client, id, { kind: 'release', token }, () => to.release({ key, token }, durably));
    } else recorder.read(client, id, { kind: 'get' }, () => ({ lease: to.get(key) ?? null }));
    if (random.chance(0.7)) await sleep(random.below(4));
  }
}

async function keepHouse(random: Random): Promise<void> {
  while (!stopping) {
    await sleep(random.below(200));
    await store.checkpoint();
  }
}
