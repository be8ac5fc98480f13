import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createControl, PARKED } from '../../native-layout/shard-control.js';
import { Mailbox } from '../../src/client/mailbox.js';
import { createRing } from '../../src/mailbox/ring.js';
import { Control } from '../../src/memory/control.js';

test('a shard that was woken is waking until it is seen awake', () => {
  const control = new Control(createControl(0, 4096));
  const mailbox = new Mailbox(control, createRing(1024), createRing(1024));
  const park = (parked: number) => Atomics.store(control.signed, PARKED, parked);
  mailbox.send();
  assert.not(mailbox.waking, 'it was awake');
  park(1);
  assert.not(mailbox.waking, 'nobody woke it');
  mailbox.send();
  assert.ok(mailbox.waking);
  park(0);
  assert.not(mailbox.waking);
  park(1);
  assert.not(mailbox.waking, 'it sleeps again, and nobody woke it');
});

test.run();
