import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CowBtreeStore, type Failed, type LeaseStoreError, openStore, type Renewed } from '../../../src/index.js';
import { Control } from '../../../src/memory/control.js';
import { claimRow, freeRow, PinRow } from '../../../src/memory/pins.js';
import { AT } from '../../../src/metrics/counters.js';
import { temporaryDirectory } from '../../support/env.js';

/** More than a mailbox holds at a time, by several times. */
const CALLS = 40_000;
const ttlMs = 3_600_000;

test('every call that was made before close is carried out and answered', async () => {
  const options = { directory: join(temporaryDirectory(), 'leases'), shards: 1, memoryBytesMax: 256 * 1024 * 1024 };
  const store = await openStore<string>({ ...options, engine: 'cow-btree' });
  let granted = 0;
  const calls = Array.from({ length: CALLS }, async (_, i) => {
    const answer = await store.acquire(
      { type: 't', id: `actor-${i}` },
      { owner: 'n', ttlMs: 60_000, value: 'x'.repeat(64) },
    );
    if (answer.ok) granted++;
  });
  await store.close();
  assert.is(granted, CALLS, 'before close resolves');
  await Promise.all(calls);
  const again = await openStore({ ...options, engine: 'cow-btree' });
  assert.is(again.count(), CALLS);
  await again.close();
});

test('a checkpoint that is under way when the store is closed is made, or says that it was closed', async () => {
  const options = { directory: join(temporaryDirectory(), 'leases'), shards: 4, memoryBytesMax: 256 * 1024 * 1024 };
  const store = await openStore({ ...options, engine: 'cow-btree' });
  const keys = Array.from({ length: 4000 }, (_, i) => ({ type: 't', id: `${i}` }));
  await store.acquireMany(keys.map((key) => ({ key, owner: 'n', ttlMs })));
  const outcomes = Array.from({ length: 3 }, () =>
    store.checkpoint().then(
      () => 'made',
      ({ code }: LeaseStoreError) => code,
    ),
  );
  await sleep(1);
  await store.close();
  for (const outcome of await Promise.all(outcomes)) {
    assert.ok(outcome === 'made' || outcome === 'ERR_HOLDFAST_CLOSED', outcome);
  }
  const again = await openStore({ ...options, engine: 'cow-btree' });
  assert.is(again.count(), 4000);
  await again.close();
});

/** A store of which a reader holds every node, and renewals that wait for it; `letGo` ends the reader. */
async function starved(): Promise<{
  store: CowBtreeStore<string>;
  directory: string;
  renewals: Promise<(Renewed | Failed)[]>;
  letGo: () => void;
}> {
  const directory = temporaryDirectory();
  const memory = { shards: 1, memoryBytesMax: 8 * 1024 * 1024, waitStrategy: 'park' } as const;
  const store = await openStore<string>({ directory, ...memory });
  const value = 'v'.repeat(500);
  const requests = Array.from({ length: 40_000 }, (_, i) => ({
    key: { type: 't', id: `${i}` },
    owner: 'n',
    ttlMs,
    value,
  }));
  const acquired = await store.acquireMany(requests);
  const grants = acquired.flatMap((result) => (result.ok ? [result.lease] : []));
  const { shards, port } = store.handle();
  port.close();
  const control = new Control(shards[0].control);
  const row = claimRow([control]);
  new PinRow(control, row).acquire();
  const renewals = store.renewMany(grants.map(({ key, token }) => ({ key, token })));
  const { doubles } = control;
  for (let seen = -1; seen !== doubles[AT.renewed]; await sleep(100)) seen = doubles[AT.renewed];
  assert.ok(doubles[AT.renewed] < grants.length, 'they wait');
  return { store, directory, renewals, letGo: () => freeRow([control], row) };
}

test('a shard whose nodes are all held by a reader does not spin, and goes on by itself when the reader ends', async () => {
  const { store, renewals, letGo } = await starved();
  const before = process.cpuUsage();
  await sleep(500);
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 250_000, `${(user + system) / 1000} ms of CPU in 500 ms`);
  letGo();
  for (const { ok } of await renewals) assert.ok(ok);
  await store.close();
});

test('close does not wait for ever for a shard that a reader keeps from going on', async () => {
  const { store, directory, renewals } = await starved();
  await store.close();
  const results = await renewals;
  const failed = results.flatMap((result) => (!result.ok && result.reason === 'failed' ? [result.error] : []));
  assert.ok(failed.length > 0);
  for (const error of failed) {
    const { code, outcome } = error as LeaseStoreError;
    assert.equal([code, outcome], ['ERR_HOLDFAST_FULL', 'not-applied']);
  }
  const again = await openStore({ directory, memoryBytesMax: 64 * 1024 * 1024, onRestart: 'keep-deadlines' });
  assert.is([...again.range()].filter(({ renewals }) => renewals === 1).length, results.length - failed.length);
  await again.close();
});

test.run();
