import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createControl, DOORBELL, PARKED } from '../../native-layout/shard-control.js';
import { createRing, RingReader } from '../../src/mailbox/ring.js';
import { Control } from '../../src/memory/control.js';
import { callTurn, ringDoorbell, Waiter } from '../../src/shard/wait.js';

for (const rings of [0, 2 ** 31 - 1, 2 ** 32 - 1]) {
  test(`a shard that is about to sleep hears the doorbell after ${rings} rings`, () => {
    const control = new Control(createControl(0, 4096));
    control.words[DOORBELL] = rings;
    let asked = 0;
    const waiter = new Waiter(control, new RingReader(createRing(1024)), 0, Date.now, () => {
      // Between the shard's look for work and its sleep.
      assert.is(control.words[PARKED], 1);
      asked++;
      ringDoorbell(control);
      return false;
    });
    const from = Date.now();
    waiter.park(60_000);
    assert.ok(Date.now() - from < 30_000, 'it did not sleep');
    assert.is(asked, 1);
    assert.is(control.words[PARKED], 0);
    assert.is(control.words[DOORBELL], (rings + 1) % 2 ** 32);
    ringDoorbell(control);
    assert.is(control.words[DOORBELL], (rings + 1) % 2 ** 32, 'nobody sleeps, so nothing rings');
    callTurn(control);
    assert.is(control.words[DOORBELL], (rings + 2) % 2 ** 32);
    assert.ok(waiter.takeTurn());
  });
}

test('a shard that never sleeps ends its spin all the same when it is idle', () => {
  const control = new Control(createControl(0, 4096));
  const now = () => performance.now();
  const waiter = new Waiter(control, new RingReader(createRing(1024)), Number.POSITIVE_INFINITY, now, () => false);
  const from = now();
  assert.not(waiter.spin());
  assert.ok(now() - from >= 250);
  assert.not(waiter.parks);
});

test('a shard spins only where the last gap was no longer than a spin', () => {
  const control = new Control(createControl(0, 4096));
  let nowMs = 0;
  let due = false;
  let looks = 0;
  const waiter = new Waiter(
    control,
    new RingReader(createRing(1024)),
    0.2,
    () => {
      looks++;
      nowMs += 0.01;
      return nowMs;
    },
    () => due,
  );
  const gap = (ms: number): number => {
    due = false;
    looks = 0;
    assert.not(waiter.spin());
    const spun = looks;
    nowMs += ms;
    due = true;
    waiter.park(60_000);
    return spun;
  };
  assert.ok(gap(1) > 10, 'it spins at first');
  assert.is(gap(1), 1, 'it spun again though that had not paid');
  assert.is(gap(0.1), 1);
  assert.ok(gap(0.1) > 10, 'it does not spin though that would have paid');
});

test.run();
