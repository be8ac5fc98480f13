// timeout: 300s
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  attach,
  type CowBtreeStore,
  type Lease,
  type LeaseStore,
  LeaseStoreError,
  openStore,
  type StoreOptions,
} from '../../src/index.js';
import { collect, granted, newDirectory } from '../conformance/subject.js';
import { scaled, seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';
import { Calls, FUZZ_TYPE } from './calls.js';
import { Hostile } from './hostile.js';

const COMMAND_LINE = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

// Some hostile texts are good paths, with steps upward in them: wherever they lead from here is this test's own.
const here = join(newDirectory(), 'far/down/below');
mkdirSync(here, { recursive: true });
process.chdir(here);

const SENTINELS = 50;
const LOOK_EVERY = 500;

interface Closable {
  close(): unknown;
}

/** One fuzz of a whole store, its values in one of the encodings. */
async function fuzz(options: StoreOptions, calls: number, value: () => unknown): Promise<void> {
  const directory = newDirectory();
  const open = () => openStore({ ...options, directory }) as Promise<LeaseStore<unknown>>;
  const store = await open();
  // Also after a failure: what is open keeps the process alive.
  const before = await abuse(store, calls, value).finally(() => store.close());
  if (!store.supports.persistence) return;
  if (options.engine === 'cow-btree') {
    const { status, stderr } = spawnSync(process.execPath, [COMMAND_LINE, 'verify', directory], { encoding: 'utf8' });
    assert.is(status, 0, stderr);
  }
  const again = await open();
  try {
    const live = (leases: readonly Lease[]) => leases.filter(({ expiresAtMs }) => expiresAtMs > 1.9e12);
    assert.equal(live(await everything(again)), live(before.leases));
    await expectSound(again, before.sentinels);
  } finally {
    await again.close();
  }
}

/** Makes the calls; answers what is stored after them. */
async function abuse(
  store: LeaseStore<unknown>,
  calls: number,
  value: () => unknown,
): Promise<{ readonly leases: readonly Lease[]; readonly sentinels: readonly Lease[] }> {
  const random = new Random(seed);
  const sentinels = await plant(store, value);

  // In the midst of a call, now and then, other calls of the same caller: nothing of the outer one may be lost to them.
  let within = 0;
  const inner: Promise<unknown>[] = [];
  const interrupt = () => {
    if (within > 0 || !random.chance(0.3)) return;
    within++;
    const key = { type: 'within', id: `w${random.below(5)}` };
    inner.push(Promise.resolve(store.acquire(key, { owner: 'within', ttlMs: 1000, value: value() })));
    inner.push(Promise.resolve(store.get(sentinels[0].key)));
    inner.push(Promise.resolve(store.count({ type: 'within' })));
    within--;
  };

  const open_: Closable[] = [];
  const reads = async (): Promise<object> => {
    for (const each of open_.splice(0)) await each.close();
    const snapshot = await store.snapshot();
    open_.push(snapshot);
    if (!store.supports.attach || random.chance(0.5)) return snapshot;
    const attached = attach((store as CowBtreeStore<unknown>).handle());
    open_.push(attached);
    return attached;
  };
  let readers = store.supports.snapshots ? await reads() : store;
  const hostile = new Hostile(random, interrupt);
  const caller = new Calls(random, hostile, store, () => readers, value);
  const told = new Map<string, number>();

  for (let i = 0; i < calls; i++) {
    const { name, make } = caller.next();
    try {
      const result = await make();
      count(told, 'answered');
      if (name.startsWith('acquire')) await expectAsTold(store, result, caller);
      if (isClosable(result)) await result.close();
    } catch (error) {
      if (!(error instanceof LeaseStoreError)) {
        throw new Error(`call ${i} of seed ${seed} (${name}): ${(error as Error)?.stack ?? String(error)}`);
      }
      count(told, error.code);
    }
    await Promise.all(inner.splice(0));
    if (i % LOOK_EVERY > 0) continue;
    if (store.supports.snapshots) readers = await reads();
    await expectSound(store, sentinels);
  }
  for (const each of open_) await each.close();
  await expectSound(store, sentinels);
  console.log(`${store.engine}: ${calls} calls, ${[...told].map(([code, times]) => `${times} ${code}`).join(', ')}`);
  assert.ok((told.get('answered') ?? 0) > calls / 20, 'hardly any call got through');

  return { leases: await everything(store), sentinels };
}

/** Leases that no call of the fuzz is about. */
async function plant(store: LeaseStore<unknown>, value: () => unknown): Promise<Lease[]> {
  const sentinels: Lease[] = [];
  for (let i = 0; i < SENTINELS; i++) {
    const key = { type: 'sentinel', id: `s${String(i).padStart(2, '0')}` };
    sentinels.push(await granted(store.acquire(key, { owner: 'sentinel', ttlMs: 86_400_000, value: value() })));
  }
  return sentinels;
}

async function expectSound(store: LeaseStore<unknown>, sentinels: readonly Lease[]): Promise<void> {
  assert.equal(await collect(store.range({ type: 'sentinel' })), sentinels);
  const all = await everything(store);
  for (const { key } of all) assert.ok([FUZZ_TYPE, 'sentinel', 'within'].includes(key.type) || isSoundName(key.type));
}

/** Every lease, as many as are counted: no call is under way, so what is counted alike before and after stood still. */
async function everything(store: LeaseStore<unknown>): Promise<Lease[]> {
  for (let tries = 0; tries < 200; tries++) {
    const before = await store.count();
    const all = await collect(store.range({ includeExpired: true }));
    if ((await store.count()) === before) {
      assert.is(all.length, before);
      return all;
    }
    // The sweep removes what has expired.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('leases go away without end');
}

/** Whatever a hostile call got stored has a name that a store takes. */
function isSoundName(name: string): boolean {
  return name.length > 0 && name.isWellFormed() && !name.includes('\0') && Buffer.byteLength(name) <= 128;
}

/** What an acquire says that it granted is what is stored then, under the very key that it names. */
async function expectAsTold(store: LeaseStore<unknown>, result: unknown, caller: Calls): Promise<void> {
  const answers = (Array.isArray(result) ? result : [result]) as { ok: boolean; lease?: Lease }[];
  for (const [i, { ok, lease }] of answers.entries()) {
    if (!ok || lease === undefined) continue;
    caller.tokens.push(lease.token);
    const isLast = !answers.slice(i + 1).some((later) => isDeepStrictEqual(later.lease?.key, lease.key));
    const stored = isLast ? await store.get(lease.key) : undefined;
    if (stored !== undefined) assert.equal(stored, lease);
    else assert.ok(!isLast || lease.ttlMs < 60_000, `${JSON.stringify(lease)} is not stored`);
  }
}

function isClosable(result: unknown): result is Closable {
  return typeof (result as Closable | undefined)?.close === 'function' && !('supports' in (result as object));
}

function count(told: Map<string, number>, name: string): void {
  told.set(name, (told.get(name) ?? 0) + 1);
}

const bytes = () => Buffer.from('value');
const text = () => 'value \u{1f600}';
const json = () => ({ port: 8080, list: [1, null, 'é'] });

test('cow-btree: hostile arguments get typed errors, and nothing else happens', async () => {
  const engine = { engine: 'cow-btree', memoryBytesMax: 64 * 1024 * 1024, sweepIntervalMs: 20 } as const;
  await fuzz({ ...engine, shards: 2 }, scaled(8000, 250_000), json);
  await fuzz({ ...engine, shards: 1, valueEncoding: 'buffer' }, scaled(5000, 100_000), bytes);
  await fuzz({ ...engine, shards: 1, valueEncoding: 'utf8' }, scaled(2000, 50_000), text);
});

for (const engine of ['memory', 'append-log', 'mmap-wal', 'rocksdb', 'lsm'] as const) {
  test(`${engine}: hostile arguments get typed errors, and nothing else happens`, async () => {
    try {
      await fuzz({ engine }, scaled(1000, 30_000), json);
    } catch (error) {
      // Its package does not run on this machine.
      if ((error as { code?: string }).code !== 'ERR_HOLDFAST_ENGINE_UNAVAILABLE') throw error;
    }
  });
}

test.run();
