import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TOKEN_LEAD } from '../../native-layout/format.js';
import { TokenSource } from '../../src/shard/tokens.js';

const NOW_MS = 1_700_000_000_000;
const NOW = NOW_MS * 1000;

test('a token is the clock in microseconds, or one more than the last', () => {
  const tokens = new TokenSource(0);
  assert.is(tokens.next(NOW_MS), NOW);
  assert.is(tokens.next(NOW_MS), NOW + 1);
  assert.is(tokens.next(NOW_MS - 1000), NOW + 2);
  assert.is(tokens.next(NOW_MS + 1), NOW + 1000);
  assert.is(new TokenSource(NOW + 5).next(NOW_MS), NOW + 6);
});

test('a ceiling is due when half of the lead is used up, and counts once it is on the disk', () => {
  const tokens = new TokenSource(NOW);
  tokens.logged(NOW + TOKEN_LEAD, 1);
  tokens.durable(1);
  tokens.next(NOW_MS);
  assert.is(tokens.due, 0);
  tokens.raise(NOW + TOKEN_LEAD / 2 + 1);
  assert.is(tokens.due, tokens.last + TOKEN_LEAD);
  tokens.logged(tokens.due, 7);
  assert.is(tokens.due, 0, 'one is on its way');
  tokens.raise(NOW + TOKEN_LEAD + 1);
  tokens.durable(6);
  assert.ok(tokens.uncovered);
  tokens.durable(7);
  assert.not(tokens.uncovered);
});

test('a ceiling that an earlier group logged outlives a group that fails', () => {
  const tokens = new TokenSource(NOW);
  const ceiling = tokens.due;
  tokens.logged(ceiling, 7);
  tokens.forgetAfter(7);
  assert.is(tokens.due, 0);
  tokens.durable(7);
  assert.is(tokens.ceiling, ceiling);
  tokens.raise(ceiling);
  tokens.logged(tokens.due, 9);
  tokens.forgetAfter(8);
  assert.ok(tokens.due > 0, 'its own went with it');
});

test.run();
