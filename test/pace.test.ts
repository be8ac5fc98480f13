import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Pace } from '../src/pace.js';

test('long work rests once a millisecond of its own, however long a rest or a step lasts', () => {
  let nowMs = 5;
  const rests: number[] = [];
  const pace = new Pace(
    () => nowMs,
    (ms) => {
      rests.push(nowMs);
      // A system that has better things to do gives the core back late.
      nowMs += ms + 7;
    },
  );
  const work = (ms: number) => {
    nowMs += ms;
    pace.step();
  };
  for (let i = 0; i < 3; i++) work(0.25);
  assert.equal(rests, []);
  work(0.25);
  assert.equal(rests, [6]);
  const resumedMs = nowMs;
  for (let i = 0; i < 3; i++) work(0.25);
  assert.equal(rests, [6]);
  work(0.25);
  assert.equal(rests, [6, resumedMs + 1]);
  // A step that waited for the disk is followed by one rest, not by all that it missed.
  work(30);
  pace.step();
  assert.is(rests.length, 3);
});

test('a rest does not turn the event loop', () => {
  const pace = new Pace(() => performance.now());
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  const startedMs = performance.now();
  while (performance.now() - startedMs < 3) pace.step();
  assert.not(turned);
});

test.run();
