import { openStore } from '../../index.js';
import type { Durability } from '../../lease.js';
import { encodeAcknowledgement } from './acknowledgements.js';
import { actor, nodeOf, RANGE_SHARE, RENEW_SHARE, randomStream, TTL_MS, TYPES } from './workload.js';

/*
 * The process that the demo kills: plays the high throughput mix as fast as it can and reports each acknowledgement on
 * its standard output, after the promise resolved and never before.
 */

const IN_FLIGHT = 256;

const [directory, seedText, leasesText, durability] = process.argv.slice(2);
const seed = Number(seedText);
const leases = Number(leasesText);
const store = await openStore({ directory, durability: durability as Durability });
const random = randomStream(seed + 1);
let next = leases;

process.stdout.on('error', () => process.exit(0));
await Promise.all(Array.from({ length: IN_FLIGHT }, play));

async function play(): Promise<never> {
  for (;;) {
    const dice = random();
    if (dice < RENEW_SHARE) await renew(Math.floor(random() * leases));
    else if (dice < RENEW_SHARE + RANGE_SHARE) readType(TYPES[Math.floor(random() * TYPES.length)]);
    else await acquire(next++);
  }
}

async function renew(index: number): Promise<void> {
  const lease = store.get(actor(seed, index));
  if (lease === undefined) throw new Error(`actor ${index} is not there`);
  const renewed = await store.renew(lease);
  if (renewed.ok) report(index, lease.token, renewed.expiresAtMs);
}

async function acquire(index: number): Promise<void> {
  const acquired = await store.acquire(actor(seed, index), { owner: nodeOf(index), ttlMs: TTL_MS });
  if (acquired.ok) report(index, acquired.lease.token, acquired.lease.expiresAtMs);
}

/** A page of a type: the whole one would be all that the process does. */
function readType(type: string): void {
  // The iterator decodes as it goes; nothing else is to be done with the leases here.
  Array.from(store.range({ type, limit: 1000 }));
}

function report(index: number, token: number, expiresAtMs: number): void {
  process.stdout.write(encodeAcknowledgement({ index, token, expiresAtMs }));
}
