import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  LEASE_BYTES,
  LEASE_LAYOUT,
  setU53,
  TICK_MS,
  TICK_NONE,
  tickOf,
  u53,
  VALUE_SIZE,
  VALUE_START,
} from '../../native-layout/lease-record.js';
import { seed } from '../support/env.js';

test('numbers of 53 bits survive two words', () => {
  const words = new Uint32Array(4);
  const property = fc.property(fc.maxSafeNat(), fc.nat(2), (value, at) => {
    setU53(words, at, value);
    assert.is(u53(words, at), value);
  });
  fc.assert(property, {
    seed,
    numRuns: 1000,
    examples: [
      [0, 0],
      [2 ** 32 - 1, 1],
      [2 ** 32, 1],
      [Number.MAX_SAFE_INTEGER, 2],
    ],
  });
});

test('a tick is never later than its deadline, and less than a tick earlier', () => {
  const property = fc.property(fc.nat(TICK_NONE * TICK_MS - 1), (deadlineMs) => {
    const startMs = tickOf(deadlineMs) * TICK_MS;
    assert.ok(startMs <= deadlineMs && deadlineMs < startMs + TICK_MS);
  });
  fc.assert(property, { seed, numRuns: 1000 });
  assert.is(tickOf(Number.MAX_SAFE_INTEGER), TICK_NONE - 1, 'far deadlines stay deadlines');
  assert.is(tickOf(0), 0);
});

test('the fixed part is 32 bytes, and a value follows it', () => {
  assert.is(LEASE_BYTES, 32);
  assert.is(LEASE_LAYOUT.bytes, LEASE_BYTES);
  assert.is(VALUE_SIZE * 4, LEASE_BYTES);
  assert.is(VALUE_START, VALUE_SIZE + 1);
});

test.run();
