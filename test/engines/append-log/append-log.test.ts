import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openAppendLog } from '../../../src/engines/append-log/open.js';
import { nodeFileSystem } from '../../../src/io/node-file-system.js';
import { resolveOptions, type StoreOptions } from '../../../src/options.js';
import { readSealed } from '../../../src/sealed-file.js';
import { scanWal } from '../../../src/wal/reader.js';
import { collect, granted, key, LONG_MS, newDirectory, rejects, sleep } from '../../conformance/subject.js';

const owner = 'node-1';
const open = (directory: string, options: StoreOptions = {}) =>
  openAppendLog<unknown>(resolveOptions({ engine: 'append-log', directory, ...options }));

/** A store with a history, closed: three snapshots, of which two are kept, and log behind the last. */
async function withHistory(directory: string) {
  const store = await open(directory);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 50; i++) {
      const lease = await granted(store.acquire(key(`r${round}-${i}`), { owner, ttlMs: LONG_MS, value: { round, i } }));
      assert.ok((await store.renew(lease)).ok);
      if (i % 5 === 0) assert.ok((await store.release(lease)).ok);
    }
    await store.checkpoint();
  }
  await granted(store.acquire(key('last'), { owner, ttlMs: LONG_MS }));
  const leases = await collect(store.range());
  await store.close();
  return leases;
}

const snapshotsIn = (directory: string) =>
  fs
    .readdirSync(join(directory, 'data'))
    .filter((name) => name.startsWith('snapshot-'))
    .sort();

test('the log tells everything that ever happened, whatever was snapshotted', async () => {
  const directory = newDirectory();
  await withHistory(directory);
  const again = await open(directory);
  await again.releaseOwner(owner);
  await again.checkpoint();
  await again.close();
  assert.is(snapshotsIn(directory).length, 2);
  const files = nodeFileSystem();
  const storeId = Buffer.from(String(readSealed(files, join(directory, 'manifest')).storeId), 'hex');
  const seen = { grants: 0, renewals: 0, removals: 0 };
  scanWal(files, join(directory, 'data'), {
    storeId,
    shard: 0,
    fromLsn: 0,
    visitor: {
      grant: () => seen.grants++,
      renew: () => seen.renewals++,
      remove: () => seen.removals++,
      shift: () => {},
      ceiling: () => {},
    },
  });
  assert.equal(seen, { grants: 151, renewals: 150, removals: 151 });
});

test('a damaged snapshot costs a longer replay and nothing else', async () => {
  const directory = newDirectory();
  const leases = await withHistory(directory);
  const names = snapshotsIn(directory);
  assert.is(names.length, 2);
  for (const damage of ['flip', 'cut', 'empty'] as const) {
    const copy = newDirectory();
    fs.cpSync(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    for (const [i, name] of names.reverse().entries()) {
      const path = join(copy, 'data', name, 'wal-0000000001.log');
      const bytes = fs.readFileSync(path);
      if (damage === 'flip') bytes[bytes.length >> 1] ^= 1;
      fs.writeFileSync(path, damage === 'empty' ? '' : damage === 'cut' ? bytes.subarray(0, bytes.length - 12) : bytes);
      const store = await open(copy);
      assert.equal(await collect(store.range()), leases, `${damage}, ${i + 1} damaged`);
      await store.close();
    }
  }
});

test('damage to the log itself is never passed over', async () => {
  const directory = newDirectory();
  await withHistory(directory);
  const path = join(directory, 'data', 'wal-0000000001.log');
  const bytes = fs.readFileSync(path);
  bytes[bytes.length - 200] ^= 1;
  fs.writeFileSync(path, bytes);
  await rejects(() => open(directory), 'ERR_HOLDFAST_CORRUPT');
  assert.equal(fs.readFileSync(path), bytes, 'nothing was changed');
});

test('snapshots are made by themselves once enough was logged', async () => {
  const directory = newDirectory();
  const store = await open(directory, { checkpointWalBytesMin: 4096 });
  for (let i = 0; i < 300; i++) await granted(store.acquire(key(`k${i % 40}`), { owner, ttlMs: LONG_MS }));
  for (let i = 0; i < 100 && snapshotsIn(directory).length === 0; i++) await sleep(10);
  assert.ok(snapshotsIn(directory).length > 0);
  const leases = await collect(store.range());
  await store.close();
  const again = await open(directory);
  assert.equal(await collect(again.range()), leases);
  await again.close();
});

test('onRestart moves the deadlines of what was alive, once', async () => {
  const directory = newDirectory();
  let store = await open(directory);
  const brief = await granted(store.acquire(key('brief'), { owner, ttlMs: 20 }));
  const lease = await granted(store.acquire(key('kept'), { owner, ttlMs: 400 }));
  await sleep(40);
  await store.close();
  await sleep(600);
  store = await open(directory, { onRestart: 'extend-by-downtime' });
  const extended = store.get(key('kept'));
  assert.ok(extended !== undefined, 'it had time left when the store went down');
  assert.ok((extended?.expiresAtMs ?? 0) >= lease.expiresAtMs + 550);
  assert.is(store.get(brief.key), undefined, 'what had expired stays so');
  await store.close();
  store = await open(directory);
  assert.equal(store.get(key('kept')), extended, 'the shift is in the log');
  await store.close();
  await sleep(500);
  store = await open(directory, { onRestart: 'full-ttl' });
  const full = store.get(key('kept'));
  assert.ok(full !== undefined && full.expiresAtMs > Date.now() + 200, 'a whole ttl from the restart');
  await store.close();
});

test.run();
