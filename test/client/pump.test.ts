import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Pump } from '../../src/client/pump.js';
import { ClientBell } from '../../src/mailbox/client-bell.js';

/** A pump over calls that are answered after so many looks, and a clock that each look moves on. */
function pumped(options: { spins: boolean; looksPerAnswer: number; msPerLook: number }) {
  const state = { nowMs: 0, calls: 0, looks: 0, answered: 0 };
  let onAnswer = () => {};
  const pump = new Pump({
    bell: new ClientBell(ClientBell.create()),
    monotonicMs: () => state.nowMs,
    spins: options.spins,
    waking: () => false,
    busy: () => state.calls > 0,
    ready: () => {
      state.nowMs += options.msPerLook;
      return ++state.looks % options.looksPerAnswer === 0;
    },
    drain: () => {
      if (state.calls === 0) return false;
      state.calls--;
      state.answered++;
      onAnswer();
      return true;
    },
  });
  const call = () =>
    new Promise<void>((resolve) => {
      onAnswer = resolve;
      state.calls++;
      pump.start();
    });
  return { state, call };
}

test('an answer that comes at once needs no turn of the event loop', async () => {
  const { call, state } = pumped({ spins: true, looksPerAnswer: 3, msPerLook: 0.001 });
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  await call();
  assert.is(state.answered, 1);
  assert.not.ok(turned);
});

test('calls that are always answered at once still let the event loop turn', async () => {
  const { call, state } = pumped({ spins: true, looksPerAnswer: 3, msPerLook: 0.001 });
  let turns = 0;
  const turn = (): void => {
    turns++;
    immediate = setImmediate(turn);
  };
  let immediate = setImmediate(turn);
  for (let i = 0; i < 2000; i++) await call();
  clearImmediate(immediate);
  // 2,000 calls of three microseconds are six milliseconds, and a quarter of one is the longest that the loop waits.
  assert.is(state.answered, 2000);
  assert.ok(turns >= 20, `${turns} turns`);
  assert.ok(turns < 500, `${turns} turns: spinning does not save any`);
});

test('without a core to spare, every answer takes a turn', async () => {
  const { call, state } = pumped({ spins: false, looksPerAnswer: 1, msPerLook: 0.001 });
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  await call();
  assert.ok(turned);
  assert.is(state.looks, 0);
});

test('an answer that spinning would not meet is not spun for the next time', async () => {
  const { call, state } = pumped({ spins: true, looksPerAnswer: 1_000_000, msPerLook: 0.001 });
  await call();
  const looks = state.looks;
  assert.ok(looks > 0);
  await call();
  assert.is(state.answered, 2);
  assert.is(state.looks, looks);
});

/** How often an unanswered call is polled for before the thread sleeps, and how often it naps, on a clock that each look at it moves on by 10 µs. */
async function pollsUntilAsleep(waking: boolean): Promise<{ polls: number; naps: number }> {
  const words = ClientBell.create();
  let nowMs = 0;
  let polls = 0;
  let naps = 0;
  let answered = false;
  class CountedBell extends ClientBell {
    override nap(_ready: () => boolean, timeoutMs: number): void {
      naps++;
      nowMs += timeoutMs;
    }
  }
  const pump = new Pump({
    bell: new CountedBell(words),
    monotonicMs: () => {
      nowMs += 0.01;
      return nowMs;
    },
    spins: false,
    busy: () => !answered,
    ready: () => answered,
    waking: () => waking,
    drain: () => {
      polls++;
      return answered;
    },
  });
  pump.start();
  await sleep(20);
  assert.is(new Int32Array(words)[1], 1, 'it does not sleep');
  const pollsAwake = polls;
  answered = true;
  new ClientBell(words).ring();
  await sleep(1);
  assert.is(polls, pollsAwake + 1, 'the bell was not heard');
  return { polls: pollsAwake, naps };
}

test('a shard that was woken and does not wake is left the core', async () => {
  const awake = await pollsUntilAsleep(false);
  assert.is(awake.naps, 0);
  assert.ok(awake.polls > 90, `${awake.polls} polls`);
  const waking = await pollsUntilAsleep(true);
  assert.is(waking.naps, 4);
  assert.ok(waking.polls < 20, `${waking.polls} polls`);
});

test.run();
