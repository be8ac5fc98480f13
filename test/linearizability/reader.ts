import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { attach, type StoreHandle } from '../../src/index.js';
import { Random } from '../support/tree-random.js';
import { Recorder } from './recorder.js';

/** What a thread needs that reads beside the clients. */
export interface ReaderOrder {
  readonly handle: StoreHandle;
  readonly record: string;
  readonly keys: readonly string[];
  readonly seed: number;
}

const { handle, record, keys, seed } = workerData as ReaderOrder;
const reads = attach<string>(handle);
const recorder = new Recorder(record);
const random = new Random(seed);
const client = `reader-${seed}`;
const tokens = new Map<string, number>();
let stopping = false;
parentPort?.once('message', () => {
  stopping = true;
});

while (!stopping) {
  // Several in one turn: a reader is fastest where nothing comes between its reads.
  for (let i = random.below(6); i >= 0; i--) {
    const id = random.pick(keys);
    const key = { type: 'actor', id };
    const token = tokens.get(id);
    if (token !== undefined && random.chance(0.3)) {
      recorder.read(client, id, { kind: 'check', token }, () => ({ valid: reads.check(key, token) }));
      continue;
    }
    recorder.read(client, id, { kind: 'get' }, () => {
      const lease = reads.get(key) ?? null;
      if (lease !== null) tokens.set(id, lease.token);
      return { lease };
    });
  }
  await sleep(random.below(3));
}
reads.close();
