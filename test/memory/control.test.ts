import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CONTROL_BYTES,
  createControl,
  DURABLE_LSN,
  HEALTH_DISK_FULL,
  HEALTH_SYNC_FAILED,
  WRITTEN_LSN,
} from '../../native-layout/shard-control.js';
import { Control } from '../../src/memory/control.js';

test('health flags are raised and cleared one by one', () => {
  const control = new Control(createControl(3, 4096));
  assert.is(control.health, 0);
  control.raise(HEALTH_DISK_FULL);
  control.raise(HEALTH_SYNC_FAILED);
  control.clear(HEALTH_DISK_FULL);
  assert.is(new Control(control.buffer).health, HEALTH_SYNC_FAILED, 'another thread sees them');
});

test('log sequence numbers go past 32 bits', () => {
  const control = new Control(createControl(0, 4096));
  control.setLsn(WRITTEN_LSN, 2 ** 40 + 5);
  control.setLsn(DURABLE_LSN, Number.MAX_SAFE_INTEGER);
  assert.is(control.lsn(WRITTEN_LSN), 2 ** 40 + 5);
  assert.is(control.lsn(DURABLE_LSN), Number.MAX_SAFE_INTEGER);
});

test('an LSN that several threads raise never goes back', () => {
  const control = new Control(createControl(0, 4096));
  control.raiseLsn(DURABLE_LSN, 7);
  control.raiseLsn(DURABLE_LSN, 5);
  assert.is(control.lsn(DURABLE_LSN), 7);
  control.raiseLsn(DURABLE_LSN, 2 ** 40);
  assert.is(control.lsn(DURABLE_LSN), 2 ** 40);
});

test('a buffer that is no control block is refused', () => {
  assert.throws(() => new Control(new SharedArrayBuffer(CONTROL_BYTES)), /not a control block/);
});

test.run();
