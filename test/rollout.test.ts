import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type LeaseStoreError, migrate, openStore, type ShadowStore, shadow } from '../src/index.js';
import { temporaryDirectory } from './support/env.js';

const HOUR_MS = 3_600_000;

test('the package moves a service from one engine to another', async () => {
  const directory = join(temporaryDirectory(), 'new');
  const old = await openStore<{ port: number }>({ engine: 'memory' });
  const next = await openStore<{ port: number }>({ engine: 'cow-btree', directory, memoryBytesMax: 1 << 26 });
  const key = { type: 'session', id: 'one' };
  const held = await old.acquire(key, { owner: 'node-1', ttlMs: HOUR_MS, value: { port: 80 } });
  assert.ok(held.ok);
  const { copied, verification } = await migrate(old, next, { verify: true });
  assert.equal([copied, verification?.ok], [1, true]);
  await using store: ShadowStore<{ port: number }> = await shadow(old, next, { sample: 1 });
  await store.moveTo(100);
  assert.is(store.engine, 'cow-btree');
  assert.ok(held.ok && (await store.renew(held.lease)).ok, 'by the token that the old store gave');
  assert.is((await store.get(key))?.value?.port, 80);
  assert.is(store.metrics().divergences, 0);
});

test('what cannot be moved is refused', async () => {
  const store = await openStore({ engine: 'memory' });
  const refused = async (call: Promise<unknown>) =>
    call.then(
      () => assert.unreachable(),
      ({ code }: LeaseStoreError) => assert.is(code, 'ERR_HOLDFAST_INVALID_ARGUMENT'),
    );
  await refused(migrate(store, store));
  await refused(shadow(store, store));
  await refused(shadow(store, await openStore({ engine: 'memory' }), { sample: 2 }));
  await store.close();
});

test('the example walks a busy service over, and loses nothing', () => {
  const example = fileURLToPath(new URL('../bench/examples/rocksdb-to-cow-btree.js', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [example], { encoding: 'utf8', timeout: 60_000 });
  assert.is(status, 0, stderr);
  assert.match(stdout, /2000 leases in cow-btree, 0 divergences/);
});

test.run();
