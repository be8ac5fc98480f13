import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openAppendLog } from '../src/engines/append-log/open.js';
import { openLsm } from '../src/engines/lsm.js';
import { openMemory } from '../src/engines/memory.js';
import type { Lease } from '../src/lease.js';
import type { AsyncLeaseStore } from '../src/lease-store.js';
import { type MigrationProgress, migrate } from '../src/migrate.js';
import { resolveOptions } from '../src/options.js';
import { collect, granted, newDirectory, rejects } from './conformance/subject.js';

const HOUR_MS = 3_600_000;

async function filled(count: number): Promise<AsyncLeaseStore<unknown>> {
  const store = await openLsm<unknown>(resolveOptions({ engine: 'lsm', directory: newDirectory() }));
  await store.acquireMany(
    Array.from({ length: count }, (_, i) => ({
      key: { type: `type-${i % 7}`, id: `actor-${i}` },
      owner: `node-${i % 5}`,
      ttlMs: HOUR_MS + i,
      ...(i % 3 === 0 ? { value: { i, text: 'é' } } : {}),
    })),
  );
  const leases = await collect(store.range());
  await store.renewMany(leases.filter((_, i) => i % 4 === 0));
  return store;
}

const empty = () => openAppendLog<unknown>(resolveOptions({ engine: 'append-log', directory: newDirectory() }));

test('a migration keeps every lease as it was, and proves it', async () => {
  const from = await filled(5000);
  const to = await empty();
  const progress: MigrationProgress[] = [];
  const result = await migrate(from, to, { onProgress: (each) => progress.push(each) });
  assert.is(result.read, 5000);
  assert.is(result.copied, 5000);
  assert.ok(result.leasesPerSecond > 0);
  const { verification } = result;
  assert.ok(verification?.ok);
  assert.is(verification?.compared, 5000);
  assert.is(verification?.sourceDigest, verification?.targetDigest);
  assert.equal(await collect(to.range()), await collect(from.range()));
  assert.equal([...new Set(progress.map(({ phase }) => phase))], ['copy', 'verify']);
  assert.ok(progress.every(({ done, total }) => done <= total));
  await from.close();
  await to.close();
});

test('an interrupted migration goes on when it is run again', async () => {
  const from = await filled(10_000);
  const to = await empty();
  const abort = new AbortController();
  const interrupted = migrate(from, to, {
    signal: abort.signal,
    onProgress: ({ done }) => {
      if (done > 3000) abort.abort();
    },
  });
  await rejects(() => interrupted, 'ERR_HOLDFAST_ABORTED');
  const before = await to.count();
  assert.ok(before > 0 && before < 10_000, `${before} copied`);
  const renewed = (await collect(from.range({ limit: 1 })))[0];
  assert.ok((await from.renew(renewed)).ok);
  const result = await migrate(from, to);
  assert.is(result.copied, 10_000 - before + 1, 'what was copied is passed over, what changed since is not');
  assert.ok(result.verification?.ok);
  await from.close();
  await to.close();
});

test('a verification finds what is missing, different, extra or newer', async () => {
  const from = openMemory<unknown>(resolveOptions({ engine: 'memory' }));
  const to = openMemory<unknown>(resolveOptions({ engine: 'memory' }));
  const key = (id: string) => ({ type: 't', id });
  for (const id of ['a', 'b', 'c', 'd'])
    await granted(from.acquire(key(id), { owner: 'x', ttlMs: HOUR_MS, value: id }));
  const [a, b, c, d] = await collect(from.range());
  // The target holds another state of the same grants, which an import does not replace.
  await to.import([a, { ...b, value: 'other' } as Lease, { ...c, owner: 'y' } as Lease, { ...d, token: d.token + 5 }]);
  await granted(to.acquire(key('e'), { owner: 'x', ttlMs: HOUR_MS }));
  const { verification } = await migrate(from, to);
  assert.not.ok(verification?.ok);
  assert.is(verification?.compared, 1);
  assert.is(verification?.different, 2);
  assert.is(verification?.newer, 1);
  assert.is(verification?.extra, 1);
  assert.equal(verification?.examples, [b.key, c.key]);
  assert.is.not(verification?.sourceDigest, verification?.targetDigest);
  await from.close();
  await to.close();
});

test('leases that expired are not brought back', async () => {
  const from = openMemory<unknown>(resolveOptions({ engine: 'memory', sweepIntervalMs: 60_000 }));
  const to = openMemory<unknown>(resolveOptions({ engine: 'memory' }));
  await granted(from.acquire({ type: 't', id: 'gone' }, { owner: 'x', ttlMs: 1 }));
  await granted(from.acquire({ type: 't', id: 'kept' }, { owner: 'x', ttlMs: HOUR_MS }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  const result = await migrate(from, to);
  assert.is(result.copied, 1);
  assert.ok(result.verification?.ok);
  await from.close();
  await to.close();
});

test('a store is not migrated to itself, nor with options that are none', async () => {
  const store = openMemory<unknown>(resolveOptions({ engine: 'memory' }));
  await rejects(() => migrate(store, store), 'ERR_HOLDFAST_INVALID_ARGUMENT');
  const other = openMemory<unknown>(resolveOptions({ engine: 'memory' }));
  await rejects(() => migrate(store, other, { verfy: false } as never), 'ERR_HOLDFAST_INVALID_ARGUMENT', /verfy/);
  const unverified = await migrate(store, other, { verify: false });
  assert.is(unverified.verification, undefined);
  await store.close();
  await other.close();
});

test.run();
