import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMIT_SLOTS, createControl, PINS_PER_ROW, READER_ROWS } from '../../native-layout/shard-control.js';
import { Commits } from '../../src/memory/commits.js';
import { type Commit, Control, readCommit } from '../../src/memory/control.js';
import { claimRow, PinRow } from '../../src/memory/pins.js';
import { seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';

function commitOf(number: number): Commit {
  return {
    commit: number,
    lsn: number * 2 ** 20,
    storeMs: 1.7e12 + number,
    leases: number + 1,
    owners: number + 2,
    names: number + 3,
    leaseCount: number + 4,
    ownerCount: number + 5,
    nameCount: number + 6,
    token: Number.MAX_SAFE_INTEGER - number,
  };
}

function fresh(): { control: Control; commits: Commits } {
  const control = new Control(createControl(0, 4096));
  const commits = new Commits(control);
  commits.publish(commitOf(1));
  return { control, commits };
}

test('what was published is what is read', () => {
  const { control, commits } = fresh();
  for (let number = 2; number < 500; number++) {
    commits.publish(commitOf(number));
    assert.equal(commits.published, commitOf(number));
    assert.equal(readCommit(control, control.current), commitOf(number));
  }
});

test('the slot that is current is not filled, however pins come and go', () => {
  let number = 1;
  const { control, commits } = fresh();
  const row = new PinRow(control, claimRow([control]));
  const publish = () => {
    const before = control.current;
    commits.publish(commitOf(++number));
    assert.is.not(control.current, before);
  };
  for (let between = 0; between < 150; between++) {
    const pins = Array.from({ length: PINS_PER_ROW }, () => {
      const pin = row.acquire();
      publish();
      return pin;
    });
    for (let i = 0; i < between; i++) publish();
    for (const pin of pins.slice(1)) row.release(pin);
    publish();
    row.release(pins[0]);
  }
});

test('a slot is whole before it is current', () => {
  const { control, commits } = fresh();
  const before = control.current;
  const seen: number[] = [];
  const commit = commitOf(2);
  const watched = new Proxy(commit, {
    get: (target, field) => {
      seen.push(control.current);
      return Reflect.get(target, field);
    },
  });
  commits.publish(watched);
  assert.equal(
    seen,
    Object.keys(commit).map(() => before),
  );
});

test('a pinned commit stays as it was, however many follow', () => {
  const { control, commits } = fresh();
  const random = new Random(seed);
  const row = new PinRow(control, claimRow([control]));
  const pins = new Map<number, number>();
  for (let number = 2; number < 5000; number++) {
    commits.publish(commitOf(number));
    if (pins.size < PINS_PER_ROW && random.chance(0.1)) pins.set(row.acquire(), number);
    for (const [pin, held] of pins) {
      if (random.chance(0.01)) {
        row.release(pin);
        pins.delete(pin);
      } else if (random.chance(0.05)) assert.equal(readCommit(control, row.slot(pin)), commitOf(held));
    }
    assert.equal(
      commits.scanPins().commits,
      [...new Set(pins.values())].sort((a, b) => a - b),
    );
  }
});

test('there is a slot to fill when every pin of every thread holds a commit of its own', () => {
  const { control, commits } = fresh();
  let number = 1;
  for (let r = 0; r < READER_ROWS; r++) {
    const row = new PinRow(control, claimRow([control]));
    for (let i = 0; i < PINS_PER_ROW; i++) {
      row.acquire();
      commits.publish(commitOf(++number));
    }
  }
  const held = READER_ROWS * PINS_PER_ROW;
  assert.is(claimRow([control]), -1);
  assert.is(commits.scanPins().commits.length, held);
  assert.is(held + 2, COMMIT_SLOTS);
  for (let i = 0; i < 10; i++) commits.publish(commitOf(++number));
  assert.equal(
    commits.scanPins().commits,
    Array.from({ length: held }, (_, i) => i + 1),
  );
  assert.equal(
    commits.pinned().sort((a, b) => a.commit - b.commit),
    Array.from({ length: held }, (_, i) => commitOf(i + 1)),
  );
});

test('only idle snapshots are ousted, and those past their deadline first', () => {
  const { control, commits } = fresh();
  const row = new PinRow(control, claimRow([control]));
  const [active, early, late] = [row.acquire(), row.acquire(), row.acquire()];
  row.rest(early, 100);
  row.rest(late, 200);
  assert.is(commits.oust(99, false), 0, 'a deadline is good until it has come');
  assert.is(commits.oust(150, false), 1);
  assert.not(row.resume(early));
  assert.ok(row.resume(late));
  assert.is(commits.oust(1000, true), 0, 'nobody is idle');
  row.rest(late, 2000);
  assert.is(commits.oust(1000, true), 1);
  assert.not(row.resume(late));
  assert.equal(commits.scanPins().commits, [1], 'the active pin holds');
  for (const pin of [active, early, late]) row.release(pin);
  assert.equal(commits.scanPins().commits, []);
});

test.run();
