import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createControl, PINS_PER_ROW, READER_ROWS } from '../../native-layout/shard-control.js';
import { Commits } from '../../src/memory/commits.js';
import { Control } from '../../src/memory/control.js';
import { claimRow, freeRow, PinRow, takeRow } from '../../src/memory/pins.js';

const EMPTY = {
  lsn: 0,
  storeMs: 0,
  leases: 0,
  owners: 0,
  names: 0,
  leaseCount: 0,
  ownerCount: 0,
  nameCount: 0,
  token: 0,
};

function controls(count: number): Control[] {
  return Array.from({ length: count }, (_, shard) => {
    const control = new Control(createControl(shard, 4096));
    new Commits(control).publish({ ...EMPTY, commit: 1 });
    return control;
  });
}

test('nested uses hold pins of their own', () => {
  const [control] = controls(1);
  const commits = new Commits(control);
  const row = new PinRow(control, claimRow([control]));
  const outer = row.acquire();
  commits.publish({ ...EMPTY, commit: 2 });
  const inner = row.acquire();
  assert.is.not(outer, inner);
  assert.equal(commits.scanPins().commits, [1, 2]);
  row.release(inner);
  assert.equal(commits.scanPins().commits, [1]);
  row.release(outer);
  assert.equal(commits.scanPins().commits, []);
});

test('a reader that the writer overtakes while it pins ends up with the commit that is current', () => {
  const [control] = controls(1);
  const commits = new Commits(control);
  const row = new PinRow(control, claimRow([control]));
  for (let times = 1; times <= 3; times++) {
    let overtaken = 0;
    // Between what the reader does and what it does next, the writer has as much time as it wants.
    const { store } = Atomics;
    Atomics.store = (<T extends Int32Array>(array: T, index: number, value: number) => {
      const stored = store(array, index, value);
      if (overtaken++ < times)
        whileUntouched(store, () => commits.publish({ ...EMPTY, commit: times * 10 + overtaken }));
      return stored;
    }) as typeof store;
    let pin: number;
    try {
      pin = row.acquire();
    } finally {
      Atomics.store = store;
    }
    assert.ok(overtaken > times);
    assert.is(row.slot(pin), control.current);
    assert.equal(commits.scanPins().commits, [commits.published.commit]);
    row.release(pin);
  }
});

/** Does something as if {@link Atomics.store} had not been replaced. */
function whileUntouched(original: typeof Atomics.store, work: () => void): void {
  const replaced = Atomics.store;
  Atomics.store = original;
  try {
    work();
  } finally {
    Atomics.store = replaced;
  }
}

test('a thread that holds too many pins is told so, and goes on once it let one go', () => {
  const [control] = controls(1);
  const row = new PinRow(control, claimRow([control]));
  const pins = Array.from({ length: PINS_PER_ROW }, () => row.acquire());
  assert.is(new Set(pins).size, PINS_PER_ROW);
  assert.throws(
    () => row.acquire(),
    (error: Error & { code?: string }) => error.code === 'ERR_HOLDFAST_OVERLOADED' && /close some/.test(error.message),
  );
  row.release(pins[5]);
  assert.is(row.acquire(), pins[5]);
});

test('resting and resuming keeps the commit', () => {
  const [control] = controls(1);
  const row = new PinRow(control, claimRow([control]));
  const pin = row.acquire();
  const slot = row.slot(pin);
  for (let i = 0; i < 3; i++) {
    row.rest(pin, 10);
    assert.equal(new Commits(control).scanPins().commits, [1], 'an idle snapshot is a pin too');
    assert.ok(row.resume(pin));
    assert.is(row.slot(pin), slot);
  }
  assert.not(row.resume(pin), 'what does not rest cannot be resumed');
});

test('words whose holders were ousted are used again, and their old holders cannot touch them', () => {
  const [control] = controls(1);
  const commits = new Commits(control);
  const row = new PinRow(control, claimRow([control]));
  const old = Array.from({ length: PINS_PER_ROW }, () => row.acquire());
  for (const pin of old) row.rest(pin, 10);
  assert.is(commits.oust(11, false), PINS_PER_ROW);
  const fresh = Array.from({ length: PINS_PER_ROW }, () => row.acquire());
  assert.is(new Set([...old, ...fresh]).size, 2 * PINS_PER_ROW);
  for (const pin of fresh) row.rest(pin, 20);
  for (const pin of old) {
    assert.not(row.resume(pin));
    row.drop(pin);
  }
  for (const pin of fresh) assert.ok(row.resume(pin));
});

for (const seconds of [2 ** 31, 2 ** 32]) {
  test(`deadlines pass ${seconds} seconds: an idle snapshot keeps its time, and no more than that`, () => {
    const [control] = controls(1);
    const commits = new Commits(control);
    const row = new PinRow(control, claimRow([control]));
    for (const deadline of [seconds - 2, seconds, seconds + 86_400]) {
      const pin = row.acquire();
      row.rest(pin, deadline);
      for (const before of [deadline - 86_400, deadline - 1]) assert.is(commits.oust(before, false), 0, `${before}`);
      assert.is(commits.oust(deadline, false), 1);
      assert.not(row.resume(pin));
    }
  });
}

test('a claimed row is taken once', () => {
  const all = controls(2);
  const row = claimRow(all);
  assert.ok(takeRow(all, row));
  assert.not(takeRow(all, row));
  freeRow(all, row);
  assert.not(takeRow(all, row), 'nobody claimed it');
  assert.is(claimRow(all), row);
  assert.ok(takeRow(all, row));
});

test('rows are claimed in every control block, and come back clean', () => {
  const all = controls(3);
  const rows = Array.from({ length: READER_ROWS }, () => claimRow(all));
  assert.equal(rows, [...rows.keys()]);
  assert.is(claimRow(all), -1);
  const row = new PinRow(all[1], 7);
  row.rest(row.acquire(), 10);
  row.acquire();
  freeRow(all, 7);
  assert.equal(new Commits(all[1]).scanPins().commits, [], 'the pins of a dead thread are gone');
  assert.is(claimRow(all), 7);
  assert.equal(new Commits(all[1]).scanPins().commits, [], 'nor does the next thread find them');
  const next = new PinRow(all[1], 7);
  const pins = Array.from({ length: PINS_PER_ROW }, () => next.acquire());
  assert.is(new Set(pins).size, PINS_PER_ROW, 'the next thread has the whole row');
});

test.run();
