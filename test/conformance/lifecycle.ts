import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Lease } from '../../src/lease.js';
import type { Progress } from '../../src/lease-store.js';
import {
  type AnyStore,
  collect,
  granted,
  key,
  LONG_MS,
  newDirectory,
  onStore,
  rejects,
  type Subject,
} from './subject.js';

const owner = 'node-1';
const ok = { owner, ttlMs: LONG_MS };

export function lifecycleConforms(subject: Subject): void {
  const { supports, name } = subject;

  onStore(subject, 'a store says which engine it is and what it can do', async (store) => {
    assert.is(store.engine, name);
    assert.equal({ ...store.supports }, { ...supports });
    assert.type(store.metrics(), 'object');
    JSON.stringify(store.metrics());
    await store.flush();
    await store.checkpoint();
  });

  onStore(subject, 'nothing works on a closed store, and closing it again is fine', async (store) => {
    const lease = await granted(store.acquire(key('a'), ok));
    await store.close();
    await store.close();
    const calls: ((store: AnyStore) => unknown)[] = [
      (closed) => closed.get(key('a')),
      (closed) => closed.check(key('a'), 1),
      (closed) => collect(closed.range()),
      (closed) => closed.count(),
      (closed) => closed.acquire(key('a'), ok),
      (closed) => closed.renew(lease),
      (closed) => closed.release(lease),
      (closed) => closed.releaseOwner(owner),
      (closed) => closed.import([lease]),
      (closed) => closed.flush(),
      (closed) => closed.checkpoint(),
      (closed) => closed.backup(join(newDirectory(), 'b')),
      (closed) => closed.snapshot(),
      (closed) => closed.consistentSnapshot(),
    ];
    for (const call of calls) await rejects(() => call(store), 'ERR_HOLDFAST_CLOSED');
    for (const outcome of await store.acquireMany([{ key: key('b'), ...ok }]).catch(() => []))
      assert.not.ok(outcome.ok);
  });

  onStore(subject, 'close waits for what was asked before it', async (store) => {
    const pending = Array.from({ length: 300 }, (_, i) => store.acquire(key(`k${i}`), ok));
    await store.close();
    for (const outcome of await Promise.all(pending)) assert.ok(outcome.ok);
  });

  onStore(
    subject,
    'more than pendingMax at once is refused, and the rest is carried out',
    async (store) => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 5000 }, (_, i) => store.acquire(key(`k${i}`), ok)),
      );
      const done = outcomes.filter(({ status }) => status === 'fulfilled').length;
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') assert.is(outcome.reason.code, 'ERR_HOLDFAST_OVERLOADED');
      }
      assert.ok(done >= 1);
      assert.is(await store.count(), done);
    },
    { pendingMax: 4 },
  );

  if (supports.persistence) persistenceConforms(subject);
  if (supports.backup) {
    backupConforms(subject);
    return;
  }
  onStore(subject, 'a backup is refused', async (store) => {
    await rejects(() => store.backup(join(newDirectory(), 'b')), 'ERR_HOLDFAST_ENGINE_UNAVAILABLE');
  });
}

function persistenceConforms(subject: Subject): void {
  const options = (directory: string) => ({ engine: subject.name, directory });

  for (const checkpoints of [false, true]) {
    test(`${subject.name}: a store opens again with all that it held${checkpoints ? ', checkpoints in between' : ''}`, async () => {
      const directory = newDirectory();
      let store = await subject.open(options(directory));
      let leases = await collect(store.range());
      assert.equal(leases, []);
      let tokenMax = 0;
      for (let round = 0; round < 4; round++) {
        const requests = Array.from({ length: 200 }, (_, i) => ({
          key: key(`r${round}-${i}`, `type-${i % 3}`),
          owner: `node-${i % 5}`,
          ttlMs: LONG_MS,
          ...(i % 2 === 0 ? { value: { round, i } } : {}),
        }));
        for (const outcome of await store.acquireMany(requests)) {
          assert.ok(outcome.ok && outcome.lease.token > 0);
        }
        if (checkpoints) await store.checkpoint();
        const all = await collect(store.range());
        await store.renewMany(all.filter((_, i) => i % 3 === 0));
        for (const lease of all.filter((_, i) => i % 7 === 0)) assert.ok((await store.release(lease)).ok);
        if (round === 2) await store.releaseOwner('node-4');
        leases = await collect(store.range());
        const probe = await granted(store.acquire(key('probe', 'probe'), { ...ok, ttlMs: 1 }));
        assert.ok(probe.token > tokenMax, 'tokens rise across a restart');
        tokenMax = probe.token;
        await store.close();
        store = await subject.open(options(directory));
        const found = (await collect(store.range())).filter(({ key }) => key.type !== 'probe');
        assert.equal(found, leases);
        assert.equal(
          (await collect(store.range({ owner: 'node-1' }))).map(({ key }) => key),
          leases.filter((lease) => lease.owner === 'node-1').map(({ key }) => key),
        );
      }
      await store.close();
    });
  }

  test(`${subject.name}: a token released before a restart is not given again`, async () => {
    const directory = newDirectory();
    let last = 0;
    for (let i = 0; i < 4; i++) {
      const store = await subject.open(options(directory));
      const lease = await granted(store.acquire(key('a'), ok));
      assert.ok(lease.token > last);
      last = lease.token;
      if (i === 1) {
        last += 10 ** 12;
        await store.import([{ ...lease, token: last } as Lease]);
        assert.ok((await store.release({ key: key('a'), token: last })).ok);
      } else assert.ok((await store.release(lease)).ok);
      await store.close();
    }
  });

  test(`${subject.name}: a directory has one store open at a time`, async () => {
    const directory = newDirectory();
    const store = await subject.open(options(directory));
    await rejects(() => subject.open(options(directory)), 'ERR_HOLDFAST_LOCKED');
    await granted(store.acquire(key('a'), ok));
    await store.close();
    const again = await subject.open(options(directory));
    assert.is(await again.count(), 1);
    await again.close();
  });

  test(`${subject.name}: a store keeps its value encoding`, async () => {
    const directory = newDirectory();
    await (await subject.open({ ...options(directory), valueEncoding: 'utf8' })).close();
    await rejects(
      () => subject.open({ ...options(directory), valueEncoding: 'json' }),
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      /valueEncoding/,
    );
    await (await subject.open({ ...options(directory), valueEncoding: 'utf8' })).close();
  });

  test(`${subject.name}: a directory with something else in it is left alone`, async () => {
    const directory = newDirectory();
    fs.writeFileSync(join(directory, 'precious.txt'), 'not a store');
    await rejects(() => subject.open(options(directory)), 'ERR_HOLDFAST_FORMAT');
    assert.equal(fs.readFileSync(join(directory, 'precious.txt'), 'utf8'), 'not a store');
  });
}

function backupConforms(subject: Subject): void {
  onStore(subject, 'a backup opens as a store of the same leases, with tokens above them', async (store) => {
    await store.acquireMany(Array.from({ length: 500 }, (_, i) => ({ key: key(`k${i}`), ...ok, value: i })));
    const leases = await collect(store.range());
    const directory = join(newDirectory(), 'backup');
    const progress: Progress[] = [];
    await store.backup(directory, { onProgress: (each) => progress.push(each) });
    assert.ok(progress.length > 0 && progress.every(({ done, total }) => done <= total));
    await store.releaseOwner(owner);
    const copy = await subject.open({ engine: subject.name, directory });
    try {
      assert.equal(await collect(copy.range()), leases);
      const next = await granted(copy.acquire(key('next'), ok));
      assert.ok(leases.every(({ token }) => token < next.token));
    } finally {
      await copy.close();
    }
  });

  onStore(subject, 'a backup overwrites nothing and can be aborted', async (store) => {
    const directory = newDirectory();
    fs.writeFileSync(join(directory, 'precious.txt'), 'x');
    let refused = false;
    await store.backup(directory).catch(() => {
      refused = true;
    });
    assert.ok(refused);
    assert.equal(fs.readdirSync(directory), ['precious.txt']);
    const aborted = join(newDirectory(), 'aborted');
    await rejects(() => store.backup(aborted, { signal: AbortSignal.abort() }), 'ERR_HOLDFAST_ABORTED');
    assert.not.ok(fs.existsSync(aborted));
    await store.acquireMany(Array.from({ length: 3000 }, (_, i) => ({ key: key(`k${i}`), ...ok })));
    const abort = new AbortController();
    const onProgress = () => abort.abort();
    await store.backup(aborted, { signal: abort.signal, onProgress }).catch(() => {});
    assert.ok(!fs.existsSync(aborted) || !fs.existsSync(join(aborted, 'incomplete')), 'whole, or not there');
    await rejects(() => store.backup(''), 'ERR_HOLDFAST_INVALID_ARGUMENT');
  });
}
