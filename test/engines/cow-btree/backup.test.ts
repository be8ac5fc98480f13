import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type LeaseStore, type LeaseStoreError, openStore } from '../../../src/index.js';
import { nodeFileSystem } from '../../../src/io/node-file-system.js';
import { readManifest } from '../../../src/manifest.js';
import { temporaryDirectory } from '../../support/env.js';

const MEMORY = { memoryBytesMax: 64 * 1024 * 1024 };

async function filled(directory: string): Promise<LeaseStore<unknown>> {
  const store = (await openStore({ engine: 'cow-btree', directory, shards: 3, ...MEMORY })) as LeaseStore<unknown>;
  await store.acquireMany(
    Array.from({ length: 300 }, (_, i) => ({ key: { type: 't', id: `${i}` }, owner: 'o', ttlMs: 3_600_000 })),
  );
  return store;
}

const failed = (call: Promise<unknown>): Promise<LeaseStoreError> =>
  call.then(
    () => assert.unreachable('it did not fail'),
    (error: LeaseStoreError) => error,
  ) as Promise<LeaseStoreError>;

test('a backup is a store with an id of its own', async () => {
  const root = temporaryDirectory();
  const store = await filled(join(root, 'store'));
  await store.backup(join(root, 'backup'));
  await store.close();
  const files = nodeFileSystem();
  const original = readManifest(files, join(root, 'store'));
  const copy = readManifest(files, join(root, 'backup'));
  assert.is.not(copy?.storeId, original?.storeId);
  assert.equal({ ...copy, storeId: '' }, { ...original, storeId: '' });
  const opened = await openStore({ engine: 'cow-btree', directory: join(root, 'backup'), ...MEMORY });
  assert.is(await opened.count(), 300);
  await opened.close();
});

test('a backup that is aborted in the middle leaves nothing behind', async () => {
  const root = temporaryDirectory();
  const store = await filled(join(root, 'store'));
  const target = join(root, 'backup');
  const abort = new AbortController();
  const error = await failed(store.backup(target, { signal: abort.signal, onProgress: () => abort.abort() }));
  assert.is(error.code, 'ERR_HOLDFAST_ABORTED');
  assert.not.ok(existsSync(target));
  mkdirSync(target);
  assert.is((await failed(store.backup(target, { signal: AbortSignal.abort() }))).code, 'ERR_HOLDFAST_ABORTED');
  assert.equal(readdirSync(target), [], 'what was there stays');
  await store.backup(target);
  await store.close();
});

test('a backup that fails in the middle leaves nothing behind, and the store well', async () => {
  const root = temporaryDirectory();
  const store = await filled(join(root, 'store'));
  const target = join(root, 'backup');
  const error = await failed(
    store.backup(target, { onProgress: () => writeFileSync(join(target, 'generation-1', 'shard-1'), 'in the way') }),
  );
  assert.is(error.code, 'ERR_HOLDFAST_IO');
  assert.not.ok(existsSync(target));
  await store.backup(target);
  assert.not.ok(existsSync(join(target, 'incomplete')));
  await store.close();
});

test('what an interrupted backup left is told by name, and is no store', async () => {
  const root = temporaryDirectory();
  const store = await filled(join(root, 'store'));
  const target = join(root, 'backup');
  mkdirSync(join(target, 'generation-1'), { recursive: true });
  writeFileSync(join(target, 'incomplete'), '');
  const error = await failed(store.backup(target));
  assert.is(error.code, 'ERR_HOLDFAST_INVALID_ARGUMENT');
  assert.match(error.message, /interrupted copy/);
  await store.close();
  assert.is((await failed(openStore({ engine: 'cow-btree', directory: target }))).code, 'ERR_HOLDFAST_FORMAT');
});

test('another node size than the store has is refused', async () => {
  const directory = join(temporaryDirectory(), 'store');
  await (await openStore({ engine: 'cow-btree', directory, nodeBytes: 2048, ...MEMORY })).close();
  const error = await failed(openStore({ engine: 'cow-btree', directory, nodeBytes: 4096, ...MEMORY }));
  assert.is(error.code, 'ERR_HOLDFAST_INVALID_ARGUMENT');
  assert.match(error.message, /nodeBytes must be 2048/);
  await (await openStore({ engine: 'cow-btree', directory, nodeBytes: 2048, ...MEMORY })).close();
  await (await openStore({ engine: 'cow-btree', directory, ...MEMORY })).close();
});

test.run();
