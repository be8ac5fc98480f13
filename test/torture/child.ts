import { createInterface } from 'node:readline';
import { distanceMs } from '../../src/clock.js';
import { type LeaseStore, openStore, type StoreOptions } from '../../src/index.js';
import { SHIFT_CLOCK } from './events.js';
import { failureOf, Player } from './player.js';
import { tell } from './teller.js';

/*
 * The process under torture: opens the store, tells what it found, and plays until it is told to stop or is killed.
 * Of the store it uses nothing but what the package exports.
 */

export interface ChildOrder {
  readonly options: StoreOptions & { readonly engine: 'cow-btree' };
  readonly seed: number;
  readonly firstCall: number;
  readonly killAt?: number;
}

try {
  await run(JSON.parse(process.argv[2]) as ChildOrder);
} catch (error) {
  tell({ e: 'bug', stack: error instanceof Error ? String(error.stack) : String(error) });
  process.exit(70);
}

async function run({ options, seed, firstCall, killAt }: ChildOrder): Promise<void> {
  const store = await openStore<string>(options).catch((error) => {
    tell({ e: 'refused', failure: failureOf(error) });
    process.exit(3);
  });
  const nowMs = storeClock(store);
  tell({ e: 'open', storeMs: nowMs() });
  audit(store);
  const player = new Player(store, nowMs, { seed, firstCall, killAt });
  createInterface({ input: process.stdin }).on('line', (line) => obey(line, player));
  await player.play();
  const failure = await store.close().then(() => undefined, failureOf);
  tell({ e: 'closed', failure });
  process.exit(0);
}

function obey(line: string, player: Player): void {
  const [command, argument] = line.split(' ');
  if (command === 'stop') player.stop();
  if (command === 'clock')
    (globalThis as unknown as Record<symbol, (ms: number) => void>)[SHIFT_CLOCK](Number(argument));
}

/** Store time, by the monotonic clock as in the store itself. */
function storeClock(store: LeaseStore<string>): () => number {
  const storeMs = () => {
    using snapshot = store.snapshot();
    return snapshot.atMs;
  };
  const offsetMs = distanceMs(storeMs, () => performance.now());
  return () => performance.now() + offsetMs;
}

function audit(store: LeaseStore<string>): void {
  using snapshot = store.snapshot();
  for (const lease of snapshot.range({ includeExpired: true })) {
    tell({ e: 'found', lease, live: snapshot.check(lease.key, lease.token) });
  }
  tell({ e: 'audited', atMs: snapshot.atMs, stored: snapshot.count() });
}
