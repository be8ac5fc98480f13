import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TOKEN_LEAD } from '../../native-layout/format.js';
import { STATUS_OK } from '../../native-layout/mailbox.js';
import { TokenSource } from '../../src/shard/tokens.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, SHARD_DIRECTORY, ShardDriver } from '../support/shard-driver.js';

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

const FAR = (NOW_MS + 3_600_000) * 1000;

/** A shard that took over a token an hour ahead of the clock, and released its lease. */
function shardAhead(): { shard: ShardDriver; files: FaultFileSystem; clock: HandClock } {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  const shard = ShardDriver.open({ files, clock, segmentBytesMax: 600 });
  const lease = { owner: 'n1', token: FAR, expiresAtMs: clock.wall + 1000, ttlMs: 1000, renewals: 0, value: undefined };
  shard.import('chat/1', lease);
  assert.is(shard.answer(shard.release('chat/1', FAR)).status, STATUS_OK);
  return { shard, files, clock };
}

function expectAbove(files: FaultFileSystem, clock: HandClock, token: number): void {
  const next = ShardDriver.open({ files, clock });
  assert.ok(next.answer(next.acquire('zoo/1', 'n2', 1000)).token > token);
}

test('a token whose lease is gone is not given again after a kill, a power cut or a clean close', () => {
  const { shard, files, clock } = shardAhead();
  const { token } = shard.answer(shard.acquire('chat/1', 'n1', 1000));
  assert.ok(token > FAR);
  assert.is(shard.answer(shard.release('chat/1', token)).status, STATUS_OK);
  expectAbove(files.afterKill(), clock, token);
  for (const image of files.images(1, 50)) expectAbove(image, clock, token);
  shard.close();
  expectAbove(files.afterKill(), clock, token);
});

test('nor once its records are gone and only checkpoints tell of it, closed or killed', () => {
  const { shard, files, clock } = shardAhead();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 20; i++) shard.answer(shard.acquire(`chat/${i}`, 'n1', 1));
    clock.advance(5000);
    shard.settle();
    shard.syncInBackground();
    shard.checkpoint();
  }
  assert.is(shard.leases().size, 0);
  assert.not(files.list(SHARD_DIRECTORY).includes('wal-0000000001.log'), 'the first segment was dropped');
  const { token } = shard.published;
  expectAbove(files.afterKill(), clock, token);
  shard.close();
  expectAbove(files, clock, token);
});

test.run();
