import { type Durability, openStore } from '../../index.js';
import { type Acknowledged, AcknowledgementWriter } from './acknowledgements.js';
import { writeWhole } from './write-whole.js';
import { actor, HIGH_THROUGHPUT, nodeOf, randomStream, readType, TTL_MS, TYPES } from './workload.js';

/*
 * The process that the demo kills: plays the high throughput mix as fast as it can, and reports every acknowledgement on
 * its standard output after the promise resolved.
 *
 * An actor is left alone from its operation's start until the report is in the pipe. So at the kill, whatever moment
 * that is, each actor is at most one operation ahead of what the parent knows.
 */

const IN_FLIGHT = 256;
const STDOUT = 1;

const [directory, seedText, leasesText, durability] = process.argv.slice(2);
const seed = Number(seedText);
const leases = Number(leasesText);
const store = await openStore({ engine: 'cow-btree', directory, durability: durability as Durability });
const random = randomStream(seed + 1);
const busy = new Set<number>();
const unreported = new AcknowledgementWriter();
const reported: number[] = [];
let next = leases;

await Promise.all(Array.from({ length: IN_FLIGHT }, play));

async function play(): Promise<never> {
  for (;;) {
    const dice = random();
    if (dice < HIGH_THROUGHPUT.renewShare) await renew(Math.floor(random() * leases));
    else if (dice < HIGH_THROUGHPUT.renewShare + HIGH_THROUGHPUT.rangeShare) {
      readType(store, TYPES[Math.floor(random() * TYPES.length)]);
    } else await acquire(next++);
  }
}

async function renew(index: number): Promise<void> {
  if (busy.has(index)) return;
  busy.add(index);
  const lease = store.get(actor(seed, index));
  if (lease === undefined) throw new Error(`actor ${index} is not there`);
  const renewed = await store.renew(lease);
  if (!renewed.ok) throw new Error(`actor ${index} was not renewed: ${renewed.reason}`);
  report({ index, token: lease.token, expiresAtMs: renewed.expiresAtMs, renewals: lease.renewals + 1 });
}

async function acquire(index: number): Promise<void> {
  const acquired = await store.acquire(actor(seed, index), { owner: nodeOf(index), ttlMs: TTL_MS });
  if (!acquired.ok) throw new Error(`actor ${index} was not acquired: ${acquired.reason}`);
  const { token, expiresAtMs, renewals } = acquired.lease;
  report({ index, token, expiresAtMs, renewals });
}

/** Acknowledgements come in bursts: one write carries all of a turn. */
function report(acknowledged: Acknowledged): void {
  if (reported.length === 0) setImmediate(flush);
  unreported.add(acknowledged);
  reported.push(acknowledged.index);
}

/** Blocks while the pipe is full; throws, which ends the process, once there is nobody at its other end. */
function flush(): void {
  writeWhole(STDOUT, unreported.take());
  for (const index of reported) busy.delete(index);
  reported.length = 0;
}
