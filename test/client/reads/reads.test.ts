import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Reads } from '../../../src/client/reads/reads.js';
import type { Lease, LeaseRange, LeaseView } from '../../../src/lease.js';
import { scaled, seed } from '../../support/env.js';
import { ShardFixture, START_MS, type Stored } from '../../support/shard-fixture.js';
import { actor, apply, type Change, change, RangeModel, range, shown, stored } from './range-model.js';

const runs = { seed, numRuns: scaled(80, 3000) };
const NODE_BYTES = 2048;

const history = fc.array(change, { minLength: 1, maxLength: 150, size: 'max' });
const shards = fc.constantFrom(1, 1, 2, 5);

function build(shardCount: number, changes: readonly Change[]) {
  const fixture = new ShardFixture(shardCount, NODE_BYTES, 1 << 22);
  const model = new RangeModel();
  apply(fixture, model, changes);
  return { fixture, model, reads: new Reads(fixture.parts()) };
}

function lease(type: string, id: string, more: Partial<Stored> = {}): Stored {
  return {
    key: { type, id },
    owner: 'node-1',
    token: START_MS * 1000,
    expiresAtMs: START_MS + 10_000,
    ttlMs: 10_000,
    renewals: 0,
    ...more,
  };
}

/** `count` leases of one type, in order. */
function many(count: number, more: (i: number) => Partial<Stored> = () => ({})): ShardFixture {
  const fixture = new ShardFixture();
  for (let i = 0; i < count; i++) fixture.put(lease('many', String(i).padStart(8, '0'), more(i)));
  return fixture.publish();
}

function ids(leases: Iterable<Lease>): string[] {
  return [...leases].map(({ key }) => key.id);
}

function viewed(view: LeaseView<string>) {
  const { type, id, owner, token, expiresAtMs, ttlMs, acquiredAtMs, renewals, value } = view;
  const fields = { key: { type, id }, owner, token, expiresAtMs, ttlMs, acquiredAtMs, renewals };
  return value === undefined ? fields : { ...fields, value };
}

test('a lease that is renewed while its reader has no core is not taken for expired', () => {
  for (const isRenewed of [true, false]) {
    const fixture = new ShardFixture();
    const held = lease('chat', 'a');
    fixture.put(held).publish();
    let interrupted = 0;
    // The reader has pinned a commit and is about to look at the clock.
    const nowMs = () => {
      if (interrupted++ === 0) {
        if (isRenewed) fixture.put({ ...held, expiresAtMs: START_MS + 30_000, renewals: 1 }).publish();
        fixture.nowMs = START_MS + 20_000;
      }
      return fixture.nowMs;
    };
    const reads = new Reads({ ...fixture.parts(), nowMs });
    assert.is(reads.get(held.key)?.renewals, isRenewed ? 1 : undefined);
    fixture.nowMs = START_MS;
    fixture.put(held).publish();
    interrupted = 0;
    assert.is(reads.check(held.key, held.token), isRenewed);
    assert.is(fixture.pinned, 0);
  }
});

test('ranges, visits and counts of every shape equal those of a sorted list', () => {
  fc.assert(
    fc.property(shards, history, fc.array(range, { minLength: 8, maxLength: 8 }), (shardCount, changes, ranges) => {
      const { fixture, model, reads } = build(shardCount, changes);
      for (const asked of [{}, ...ranges]) {
        const expected = model.range(asked, fixture.nowMs).map(shown);
        assert.equal([...reads.range(asked)], expected);
        const visited: unknown[] = [];
        const copies: unknown[] = [];
        const count = reads.forEach(asked, (view) => {
          visited.push(viewed(view));
          copies.push(view.toLease());
        });
        assert.equal(visited, expected);
        assert.equal(copies, expected);
        assert.is(count, expected.length);
        assert.is(reads.count(asked), model.count(asked, false, fixture.nowMs));
        assert.is(reads.count(asked, { live: true }), model.count(asked, true, fixture.nowMs));
      }
      assert.is(fixture.pinned, 0);
    }),
    runs,
  );
});

test('get and check tell what is there, to the millisecond of its deadline', () => {
  fc.assert(
    fc.property(shards, history, fc.array(actor, { maxLength: 20 }), (shardCount, changes, others) => {
      const { fixture, model, reads } = build(shardCount, changes);
      for (const key of [...model.keys(), ...others]) {
        const expected = model.get(key, fixture.nowMs);
        assert.equal(reads.get(key), expected && shown(expected));
        if (expected === undefined) continue;
        assert.is(reads.check(key, expected.token), true);
        assert.is(reads.check(key, expected.token - 1), false);
        assert.is(reads.check(key, expected.token + 1), false);
        const before = fixture.nowMs;
        fixture.nowMs = expected.expiresAtMs - 0.001;
        assert.ok(reads.get(key));
        fixture.nowMs = expected.expiresAtMs;
        assert.is(reads.get(key), undefined);
        assert.is(reads.check(key, expected.token), false);
        fixture.nowMs = before;
      }
      assert.is(fixture.pinned, 0);
    }),
    runs,
  );
});

test('an iterator sees one commit, whatever is written while it goes on', () => {
  fc.assert(
    fc.property(shards, history, history, range, (shardCount, changes, later, asked) => {
      const { fixture, model, reads } = build(shardCount, changes);
      const expected = model.range(asked, fixture.nowMs).map(shown);
      const iterator = reads.range(asked);
      const found: Lease[] = [];
      const first = iterator.next();
      if (first.done !== true) found.push(first.value);
      apply(fixture, model, later);
      for (const next of iterator) {
        found.push(next);
        // What is read beside it neither moves it nor sees what it sees.
        const now = model.get(next.key, fixture.nowMs);
        assert.equal(reads.get(next.key), now && shown(now));
      }
      assert.equal(found, expected);
      assert.is(fixture.pinned, 0);
    }),
    runs,
  );
});

test('reads within a visit, of the same shards and by owner too, do not move it', () => {
  fc.assert(
    fc.property(shards, history, range, range, (shardCount, changes, outer, inner) => {
      const { fixture, model, reads } = build(shardCount, changes);
      const expected = model.range({ limit: 20, ...outer }, fixture.nowMs).map(shown);
      const found: unknown[] = [];
      reads.forEach({ limit: 20, ...outer }, (view) => {
        assert.ok(reads.get({ type: view.type, id: view.id }) ?? outer.includeExpired);
        assert.equal([...reads.range(inner)], model.range(inner, fixture.nowMs).map(shown));
        reads.forEach(inner, (other) => other.id.length > 0);
        found.push(viewed(view));
      });
      assert.equal(found, expected);
    }),
    { seed, numRuns: scaled(60, 1000) },
  );
});

test('an owner whose name is gone and came back, or gave its reference to another, is named right', () => {
  const fixture = new ShardFixture();
  const reads = new Reads(fixture.parts());
  const owners = ['x', 'y', 'z', 'nœud', 'y2'];
  const step = fc.tuple(fc.nat(3), fc.nat(owners.length), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const held = new Map<string, string>();
      for (let i = 0; i < 4; i++) fixture.remove({ type: 't', id: String(i) });
      for (const [id, owner, isRead] of steps) {
        if (owner < owners.length) {
          fixture.put(lease('t', String(id), { owner: owners[owner] }));
          held.set(String(id), owners[owner]);
        } else {
          fixture.remove({ type: 't', id: String(id) });
          held.delete(String(id));
        }
        fixture.publish();
        // Commits that nobody looks at come between, so that a root is met again with other names below.
        if (!isRead) continue;
        for (const [key, name] of held) assert.is(reads.get({ type: 't', id: key })?.owner, name);
        for (const name of owners) {
          const mine = [...held].filter(([, holder]) => holder === name).map(([key]) => key);
          assert.equal(ids(reads.range({ owner: name })), mine.sort());
        }
      }
    }),
    { seed, numRuns: scaled(100, 2000) },
  );
});

test('a range lives until its end, return or throw, and holds nothing after', () => {
  const fixture = many(2000);
  const reads = new Reads(fixture.parts());
  const all = reads.range();
  assert.is(fixture.pinned, 0, 'before it is asked for the first');
  all.next();
  assert.is(fixture.pinned, 1);
  assert.is(ids(all).length, 1999);
  assert.is(fixture.pinned, 0);

  for (const { key } of reads.range()) if (key.id === '00000700') break;
  assert.is(fixture.pinned, 0);

  const thrown = reads.range();
  thrown.next();
  assert.throws(() => thrown.throw?.(new Error('mine')), /mine/);
  assert.is(fixture.pinned, 0);
  assert.is(thrown.next().done, true);
});

test('a short range holds nothing, even if nobody takes its end', () => {
  const fixture = many(2000);
  const reads = new Reads(fixture.parts());
  for (let i = 0; i < 200; i++) {
    assert.is(reads.range({ limit: 3 }).next().value.key.id, '00000000');
    assert.is(reads.range({ type: 'many', gte: '00001995' }).next().value.key.id, '00001995');
    assert.is(reads.range({ type: 'absent' }).next().done, true);
  }
  assert.is(fixture.pinned, 0);
});

test('abandoned iterators lose their pins past a minute without use, and know it', () => {
  const fixture = many(2000);
  const reads = new Reads(fixture.parts());
  const used = reads.range();
  const abandoned = reads.range();
  used.next();
  abandoned.next();
  fixture.nowMs += 59_000;
  assert.is(fixture.oust(false), 0);
  for (let i = 0; i < 500; i++) used.next();
  fixture.nowMs += 2000;
  assert.is(fixture.oust(false), 1, 'the one that was gone on with starts anew');
  assert.is(ids(used).length, 1499);
  assert.throws(() => ids(abandoned), isOusted);
  assert.is(abandoned.next().done, true);
  assert.is(fixture.pinned, 0);
});

test('iterators that lost their pins and were left lying make room for others', () => {
  const fixture = many(2000);
  const reads = new Reads(fixture.parts());
  const lying = Array.from({ length: 64 }, () => reads.range());
  for (const iterator of lying) iterator.next();
  assert.throws(
    () => reads.get({ type: 'many', id: '00000000' }),
    (error: { code?: string }) => {
      return error.code === 'ERR_HOLDFAST_OVERLOADED';
    },
  );
  fixture.nowMs += 61_000;
  assert.is(fixture.oust(false), 64);
  fixture.nowMs = START_MS;
  assert.ok(reads.get({ type: 'many', id: '00000000' }));
  const fresh = Array.from({ length: 64 }, () => reads.range());
  for (const iterator of fresh) iterator.next();
  // The words of the first are now those of the second: neither may touch the other's.
  for (const iterator of lying) assert.throws(() => ids(iterator), isOusted);
  for (const iterator of fresh) assert.is(ids(iterator).length, 1999);
  assert.is(fixture.pinned, 0);
});

test('a visit stops where it is told to, and lets go when its callback throws', () => {
  const fixture = many(100);
  const reads = new Reads(fixture.parts());
  let last = '';
  const visited = reads.forEach({}, (view) => {
    last = view.id;
    assert.is(fixture.pinned, 1);
    return last !== '00000041';
  });
  assert.is(visited, 42);
  assert.is(last, '00000041');
  assert.throws(() => {
    reads.forEach({}, () => {
      throw new Error('mine');
    });
  }, /mine/);
  assert.is(fixture.pinned, 0);
});

test('a view that was kept is of no use after its visit', () => {
  const reads = new Reads(many(10).parts());
  let kept: LeaseView<string> | undefined;
  reads.forEach({}, (view) => {
    kept = view;
  });
  const view = kept as LeaseView<string>;
  for (const name of ['type', 'id', 'owner', 'token', 'expiresAtMs', 'ttlMs', 'acquiredAtMs', 'renewals', 'value']) {
    assert.throws(() => view[name as keyof LeaseView], isClosed);
  }
  assert.throws(() => view.toLease(), isClosed);
});

test('ids are read in any order and any number of times within a visit', () => {
  const fixture = many(300);
  const reads = new Reads(fixture.parts());
  let i = 0;
  reads.forEach({}, (view) => {
    // Skips some, so that texts are made from the middle of a run.
    if (i % 7 === 3 || i > 250) assert.is(view.id + view.id, String(i).padStart(8, '0').repeat(2));
    i++;
  });
  reads.forEach({ reverse: true }, (view) => {
    i--;
    if (i % 5 === 2) assert.is(view.id, String(i).padStart(8, '0'));
  });
});

test('the longest keys there are', () => {
  const fixture = new ShardFixture();
  const wide = (text: string, bytes: number) => text.repeat(bytes / Buffer.byteLength(text));
  const leases: Stored[] = [];
  for (let i = 0; i < 130; i++) {
    const tail = String(i).padStart(4, '0');
    leases.push(lease(wide('é', 128), wide('\u{10ffff}', 252) + tail, { owner: wide('漢', 126) }));
    leases.push(lease('t', wide('z', 252) + tail, { value: 'v'.repeat(4096) }));
  }
  for (const each of leases) fixture.put(each);
  fixture.publish();
  const reads = new Reads(fixture.parts());
  const model = new RangeModel();
  for (const each of leases) model.put(each);
  for (const asked of [{}, { reverse: true }, { owner: wide('漢', 126) }, { type: 't' }]) {
    assert.equal([...reads.range(asked)], model.range(asked, START_MS).map(shown));
  }
});

test('a live count takes the aggregates word where they prove all alive, and looks where they do not', () => {
  const fixture = many(5000, (i) => ({ expiresAtMs: START_MS + (i === 2500 ? 500 : 1_000_000 + i) }));
  const reads = new Reads(fixture.parts());
  assert.is(reads.count({}, { live: true }), 5000);
  fixture.nowMs += 500;
  assert.is(reads.count({}, { live: true }), 4999);
  assert.is(reads.count({}), 5000);
  assert.is(reads.count({ owner: 'node-1' }, { live: true }), 4999);
  fixture.nowMs = START_MS + 1_002_000;
  assert.is(reads.count({}, { live: true }), 2998, 'those whose deadline is this very instant are not live');
});

test('arguments are checked before anything is pinned, and named', () => {
  const fixture = many(3);
  const reads = new Reads(fixture.parts());
  const bad: [() => unknown, RegExp][] = [
    [() => reads.get({ type: '', id: 'a' }), /key\.type/],
    [() => reads.get({ type: 'a', id: 'a\0' }), /key\.id/],
    [() => reads.get(undefined as never), /key/],
    [() => reads.check({ type: 'a', id: 'a' }, 1.5), /token/],
    [() => reads.range({ gt: 'a' }), /range\.type/],
    [() => reads.range({ type: 'a', gt: 'a', gte: 'a' }), /gt/],
    [() => reads.range({ typo: 'a' } as LeaseRange), /typo/],
    [() => reads.range({ limit: -1 }), /range\.limit/],
    [() => reads.count({}, { alive: true } as never), /alive/],
    [() => reads.forEach({}, undefined as never), /visit/],
  ];
  for (const [call, pattern] of bad) {
    assert.throws(call, (error: { code?: string; message: string }) => {
      return error.code === 'ERR_HOLDFAST_INVALID_ARGUMENT' && pattern.test(error.message);
    });
  }
  assert.is(fixture.pinned, 0);
});

test('what is read is a copy: it does not change when the store does', () => {
  fc.assert(
    fc.property(fc.array(stored, { minLength: 1, maxLength: 60 }), history, (leases, later) => {
      const puts = leases.map((each) => ({ kind: 'put', lease: each }) as const);
      const { fixture, model, reads } = build(1, puts);
      const found = [...reads.range({ includeExpired: true })];
      const before = structuredClone(found);
      apply(fixture, model, later);
      assert.equal(found, before);
    }),
    { seed, numRuns: scaled(40, 1000) },
  );
});

test('limits on both sides of what is decoded at a time are kept to, forwards and backwards', () => {
  const fixture = many(400);
  const reads = new Reads(fixture.parts());
  const all = ids(reads.range({ type: 'many' }));
  assert.is(all.length, 400);
  for (const limit of [0, 1, 15, 16, 17, 63, 64, 65, 79, 80, 81, 399, 400, 401]) {
    assert.equal(ids(reads.range({ type: 'many', limit })), all.slice(0, limit), `${limit}`);
    const backwards = ids(reads.range({ type: 'many', limit, reverse: true }));
    assert.equal(backwards, all.toReversed().slice(0, limit), `${limit} backwards`);
    assert.is(fixture.pinned, 0);
  }
});

test('an iterator that is asked for leases after the close has none, however few it was to give', () => {
  for (const limit of [1, 64, 65, undefined]) {
    const fixture = many(100);
    const leases = new Reads(fixture.parts()).range({ type: 'many', ...(limit === undefined ? {} : { limit }) });
    fixture.close();
    assert.throws(() => leases.next(), isClosed, `${limit}`);
  }
});

test('a short read holds nothing once it has been asked for, even if it is not gone on with', () => {
  const fixture = many(100);
  const leases = new Reads(fixture.parts()).range({ type: 'many', limit: 64 });
  leases.next();
  assert.is(fixture.pinned, 0);
});

function isOusted(error: { code?: string }): boolean {
  return error.code === 'ERR_HOLDFAST_SNAPSHOT_OUSTED';
}

function isClosed(error: { code?: string }): boolean {
  return error.code === 'ERR_HOLDFAST_CLOSED';
}

test.run();
