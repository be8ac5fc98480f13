import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Deadlines } from '../../../src/engines/indexed/deadlines.js';
import { IndexedStore } from '../../../src/engines/indexed/indexed-store.js';
import type { Journal } from '../../../src/engines/indexed/journal.js';
import { LeaseIndex } from '../../../src/engines/indexed/lease-index.js';
import { LeaseStoreError } from '../../../src/errors.js';
import { resolveOptions } from '../../../src/options.js';
import { TokenSource } from '../../../src/shard/tokens.js';
import { collect, granted, key, LONG_MS, rejects } from '../../conformance/subject.js';
import { seed } from '../../support/env.js';
import { Random } from '../../support/tree-random.js';

/** A store whose time and whose disk the test moves. */
function fixture() {
  const state = { nowMs: 1_700_000_000_000, full: false, appended: 0 };
  const journal: Journal = {
    append(changes) {
      if (state.full) throw new LeaseStoreError('ERR_HOLDFAST_DISK_FULL', 'full', { retryable: true });
      state.appended += changes.length;
    },
    sync: () => {},
    checkpointDue: false,
    checkpoint: async () => {},
    metrics: () => ({}),
    close: async () => {},
  };
  const supports = { persistence: true, synced: true, syncReads: true, snapshots: true, consistentSnapshots: true };
  const store = new IndexedStore<unknown>({
    options: resolveOptions({ engine: 'append-log', directory: 'nowhere', sweepIntervalMs: 5 }),
    supports: { ...supports, backup: false, attach: false },
    index: new LeaseIndex(state.nowMs),
    tokens: new TokenSource(0),
    journal,
    nowMs: () => state.nowMs,
  });
  return { state, store };
}

test('a group that cannot be kept never happened', async () => {
  const { state, store } = fixture();
  const kept = await granted(store.acquire(key('kept'), { owner: 'a', ttlMs: LONG_MS, value: 1 }));
  const other = await granted(store.acquire(key('other'), { owner: 'b', ttlMs: LONG_MS }));
  const before = await collect(store.range());
  state.full = true;
  const outcomes = await Promise.allSettled([
    store.acquire(key('new'), { owner: 'a', ttlMs: LONG_MS }),
    store.renew(kept, { value: 2 }),
    store.acquire(key('other'), { owner: 'c', ttlMs: LONG_MS, previous: other.token }),
    store.release(kept),
    store.acquire(key('kept'), { owner: 'd', ttlMs: LONG_MS }),
  ]);
  for (const outcome of outcomes) {
    assert.is(outcome.status, 'rejected');
    assert.is((outcome as PromiseRejectedResult).reason.code, 'ERR_HOLDFAST_DISK_FULL');
  }
  assert.equal(await collect(store.range()), before);
  for (const owner of ['a', 'b', 'c', 'd']) {
    assert.equal(
      await collect(store.range({ owner })),
      before.filter((lease) => lease.owner === owner),
    );
  }
  await rejects(() => store.releaseOwner('a'), 'ERR_HOLDFAST_DISK_FULL');
  state.full = false;
  assert.ok((await store.renew(kept)).ok);
  await store.close();
});

test('a sweep that cannot be kept is made up for later', async () => {
  const { state, store } = fixture();
  await granted(store.acquire(key('brief'), { owner: 'a', ttlMs: 1000 }));
  state.full = true;
  state.nowMs += 5000;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.is(store.count(), 1);
  assert.is(store.count({}, { live: true }), 0);
  state.full = false;
  // The wheel counts in seconds.
  state.nowMs += 1000;
  for (let i = 0; i < 200 && store.count() > 0; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(store.count(), 0);
  await store.close();
});

test('the wheel gives every key that is due, and none for long before it is', () => {
  const random = new Random(seed);
  let nowMs = 1_000_000;
  const wheel = new Deadlines(nowMs);
  const deadlines = new Map<string, number>();
  for (let step = 0; step < 20_000; step++) {
    const id = `k${random.below(300)}`;
    if (random.chance(0.6)) {
      const deadline = nowMs + random.below(60_000) - 2000;
      // What is overdue when it comes is looked at with the second that it came in.
      deadlines.set(id, Math.max(deadline, nowMs));
      wheel.set(id, deadline);
    } else if (random.chance(0.5)) {
      deadlines.delete(id);
      wheel.delete(id);
    }
    nowMs += random.chance(0.001) ? 100_000 : random.below(100);
    if (!random.chance(0.05)) continue;
    for (;;) {
      const taken = wheel.take(nowMs, 50);
      for (const key of taken) {
        const deadline = deadlines.get(key);
        assert.ok(deadline !== undefined, 'a deleted key is not given');
        if ((deadline as number) > nowMs) wheel.set(key, deadline as number);
        else deadlines.delete(key);
      }
      if (taken.length < 50) break;
    }
    for (const [key, deadline] of deadlines)
      assert.ok(deadline > nowMs - 1000, `${key} was due at ${deadline}, now ${nowMs}`);
  }
});

test.run();
