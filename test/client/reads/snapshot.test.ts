import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Reads } from '../../../src/client/reads/reads.js';
import { Snapshot } from '../../../src/client/reads/snapshot.js';
import type { Lease } from '../../../src/lease.js';
import { scaled, seed } from '../../support/env.js';
import { ShardFixture, START_MS, type Stored } from '../../support/shard-fixture.js';
import { apply, change, RangeModel, range, shown } from './range-model.js';

const MINUTE_MS = 60_000;

function lease(id: string, more: Partial<Stored> = {}): Stored {
  const key = { type: 't', id };
  const rest = { owner: 'node-1', token: START_MS * 1000, expiresAtMs: START_MS + 10_000, ttlMs: 10_000, renewals: 0 };
  return { key, ...rest, ...more };
}

function filled(shards: number, count: number): ShardFixture {
  const fixture = new ShardFixture(shards);
  for (let i = 0; i < count; i++) fixture.put(lease(String(i).padStart(6, '0')));
  return fixture.publish();
}

const history = fc.array(change, { minLength: 1, maxLength: 80, size: 'max' });

test('snapshots stay as they were while the store goes on and their time passes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1, 3),
      fc.array(history, { minLength: 2, maxLength: 6 }),
      fc.array(range, { minLength: 4, maxLength: 4 }),
      (shards, histories, ranges) => {
        const fixture = new ShardFixture(shards, 2048, 1 << 22);
        const parts = fixture.parts();
        const present = new Reads(parts);
        const model = new RangeModel();
        const taken: { snapshot: Snapshot<string>; model: RangeModel }[] = [];
        for (const changes of histories) {
          apply(fixture, model, changes);
          taken.push({ snapshot: new Snapshot(parts, MINUTE_MS), model: model.copy() });
          fixture.nowMs += 700;
          for (const asked of [{}, ...ranges]) {
            assert.equal([...present.range(asked)], model.range(asked, fixture.nowMs).map(shown));
            for (const then of taken) {
              const { snapshot } = then;
              const expected = then.model.range(asked, snapshot.atMs).map(shown);
              assert.equal([...snapshot.range(asked)], expected);
              const visited: Lease[] = [];
              snapshot.forEach(asked, (view) => void visited.push(view.toLease()));
              assert.equal(visited, expected);
              assert.is(snapshot.count(asked), then.model.count(asked, false, snapshot.atMs));
              assert.is(snapshot.count(asked, { live: true }), then.model.count(asked, true, snapshot.atMs));
            }
          }
          for (const { key } of model.range({ includeExpired: true, limit: 30 }, 0)) {
            for (const then of taken) {
              const expected = then.model.get(key, then.snapshot.atMs);
              assert.equal(then.snapshot.get(key), expected && shown(expected));
              assert.is(then.snapshot.check(key, expected?.token ?? 1), expected !== undefined);
            }
          }
        }
        for (const { snapshot } of taken) snapshot.close();
        assert.is(fixture.pinned, 0);
      },
    ),
    { seed, numRuns: scaled(40, 800) },
  );
});

test('a snapshot past its age is ousted, a younger one is not, and one in use never is', () => {
  const fixture = filled(2, 100);
  const parts = fixture.parts();
  const short = new Snapshot(parts, 1000);
  const long = new Snapshot(parts, MINUTE_MS);
  fixture.nowMs += 999;
  assert.is(fixture.oust(false), 0);
  fixture.nowMs += 1002;
  const visited = short.forEach({}, () => {
    assert.is(fixture.oust(false), 0);
    assert.is(short.get({ type: 't', id: '000001' })?.owner, 'node-1', 'nested');
  });
  assert.is(visited, 100);
  assert.is(fixture.oust(false), 2, 'its pins of both shards');
  for (const read of [
    () => short.get({ type: 't', id: '000001' }),
    () => short.check({ type: 't', id: '000001' }, 1),
    () => [...short.range()],
    () => short.forEach({}, () => {}),
    () => short.count(),
  ]) {
    assert.throws(read, (error: { code?: string; retryable?: boolean }) => {
      return error.code === 'ERR_HOLDFAST_SNAPSHOT_OUSTED' && error.retryable === true;
    });
  }
  assert.is(long.count(), 100);
  assert.is(fixture.oust(true), 2, 'memory runs short');
  assert.throws(() => long.count(), hasCode('ERR_HOLDFAST_SNAPSHOT_OUSTED'));
  short.close();
  long.close();
  assert.is(fixture.pinned, 0);
});

test('a snapshot of which one shard took its pin away leaves the others as they were', () => {
  const fixture = filled(3, 300);
  const snapshot = new Snapshot(fixture.parts(), MINUTE_MS);
  assert.is(fixture.shards[1].commits.oust(0, true), 1);
  assert.throws(() => [...snapshot.range()], hasCode('ERR_HOLDFAST_SNAPSHOT_OUSTED'));
  assert.throws(() => snapshot.count(), hasCode('ERR_HOLDFAST_SNAPSHOT_OUSTED'));
  assert.is(fixture.shards[0].commits.oust(0, true), 1, 'it rests again, though the read failed in the middle');
  snapshot.close();
  assert.is(fixture.pinned, 0);
});

test('a closed snapshot says so; closing within a visit waits for its end', () => {
  const fixture = filled(2, 50);
  const snapshot = new Snapshot(fixture.parts(), MINUTE_MS);
  const iterator = snapshot.range();
  iterator.next();
  const visited = snapshot.forEach({}, () => {
    snapshot.close();
    assert.is(fixture.pinned, 2);
    assert.throws(() => snapshot.count(), hasCode('ERR_HOLDFAST_CLOSED'));
  });
  assert.is(visited, 50);
  assert.is(fixture.pinned, 0);
  assert.throws(() => snapshot.get({ type: 't', id: '000001' }), hasCode('ERR_HOLDFAST_CLOSED'));
  assert.throws(() => [...iterator], hasCode('ERR_HOLDFAST_CLOSED'));
  snapshot.close();
  snapshot[Symbol.dispose]();
});

test('what reads when its thread gives up its row says so, and touches the row no more', () => {
  const fixture = filled(1, 1000);
  const parts = fixture.parts();
  const snapshot = new Snapshot(parts, MINUTE_MS);
  fixture.publish();
  const iterator = new Reads(parts).range();
  iterator.next();
  fixture.close();
  const before = fixture.pinned;
  assert.is(before, 2);
  assert.throws(() => snapshot.count(), hasCode('ERR_HOLDFAST_CLOSED'));
  assert.throws(() => [...iterator], hasCode('ERR_HOLDFAST_CLOSED'));
  snapshot.close();
  assert.is(fixture.pinned, before);
});

test('so many snapshots and no more; the one that fails takes no pin with it', () => {
  const fixture = filled(2, 10);
  const parts = fixture.parts();
  const extra = parts.views[1].pins.acquire();
  const snapshots = Array.from({ length: 63 }, () => new Snapshot(parts, MINUTE_MS));
  assert.throws(() => new Snapshot(parts, MINUTE_MS), hasCode('ERR_HOLDFAST_OVERLOADED'));
  parts.views[1].pins.release(extra);
  snapshots.push(new Snapshot(parts, MINUTE_MS));
  for (const snapshot of snapshots) snapshot.close();
  assert.is(fixture.pinned, 0);
  assert.is(new Snapshot(parts, MINUTE_MS).count(), 10);
});

test('what nobody holds on to lets go of its pins when it is collected', () => {
  const child = fileURLToPath(new URL('collected-child.js', import.meta.url));
  assert.is(execFileSync(process.execPath, ['--expose-gc', child], { encoding: 'utf8' }).trim(), '1 0');
});

function hasCode(code: string): (error: { code?: string }) => boolean {
  return (error) => error.code === code;
}

test.run();
