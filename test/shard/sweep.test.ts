import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import { TICK_MS } from '../../native-layout/lease-record.js';
import { HEALTH_CLOSED } from '../../native-layout/shard-control.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { type DriverOptions, HandClock, ShardDriver } from '../support/shard-driver.js';
import { Random } from '../support/tree-random.js';

function open(options: Partial<DriverOptions> = {}): { shard: ShardDriver; clock: HandClock; files: FaultFileSystem } {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  return { shard: ShardDriver.open({ files, clock, memoryBytes: 1 << 24, ...options }), clock, files };
}

test('the sweep removes what is due and nothing else, wherever it is', () => {
  const { shard, clock } = open();
  const random = new Random(3);
  const deadlines = new Map<string, number>();
  for (let i = 0; i < 2000; i++) {
    const ttlMs = random.between(1, 60_000);
    shard.acquire(`t${i % 7}/${i}`, `n${i % 5}`, ttlMs);
    deadlines.set(`t${i % 7}/${i}`, clock.wall + ttlMs);
  }
  shard.settle();
  for (let round = 0; round < 40; round++) {
    clock.advance(1500);
    shard.settle();
    const left = shard.leases();
    for (const [key, deadline] of deadlines) {
      if (deadline > clock.wall) assert.ok(left.has(key), `${key} lives on`);
      // It goes by ticks, and rests for an interval.
      if (deadline < clock.wall - TICK_MS - 1500) assert.not(left.has(key), `${key} is gone`);
    }
  }
  clock.advance(3000);
  shard.settle();
  assert.is(shard.leases().size, 0);
  assert.not(shard.step(), 'an empty shard has nothing to sweep');
});

test('10,000 leases that expire at once go in slices, and requests are taken in between', () => {
  const { shard, clock } = open();
  for (let i = 0; i < 10_000; i++) shard.acquire(`chat/${i}`, 'n1', 1000);
  shard.settle();
  const kept = shard.answer(shard.acquire('zoo/1', 'n1', 3_600_000));
  clock.advance(5000);
  let groups = 0;
  do {
    const renewed = shard.renew('zoo/1', kept.token);
    assert.ok(shard.step());
    assert.is(renewed.answer.status, mail.STATUS_OK);
    groups++;
  } while (shard.published.leaseCount > 1 && groups < 200);
  assert.is(shard.leases().size, 1);
  assert.ok(groups > 5 && groups < 200, `${groups} groups`);
});

test('a store that is being closed, or fenced off, is not swept: nothing is logged that nobody asked for', () => {
  const { shard, clock } = open();
  shard.answer(shard.acquire('chat/1', 'n1', 1000));
  clock.advance(60_000);
  shard.control.raise(HEALTH_CLOSED);
  const { lsn } = shard.published;
  assert.not(shard.step(), 'and the shard may sleep');
  assert.is(shard.published.lsn, lsn);
  assert.ok(shard.answer(shard.acquire('chat/2', 'n1', 60_000)), 'what was under way is carried out');
  assert.is(shard.leases().size, 2, 'and nothing along with it');
  shard.control.clear(HEALTH_CLOSED);
  shard.settle();
  assert.is(shard.leases().size, 1);
});

test('renewals leave bounds behind that the sweep raises, without removing anything or writing a record', () => {
  const { shard, clock } = open();
  const tokens = Array.from({ length: 3000 }, (_, i) => shard.acquire(`chat/${i}`, 'n1', 5000));
  shard.settle();
  clock.advance(4000);
  for (const [i, { answer }] of tokens.entries()) shard.renew(`chat/${i}`, answer.token, { ttlMs: 3_600_000 });
  shard.settle();
  const { lsn } = shard.published;
  clock.advance(10_000);
  let slices = 0;
  while (shard.step()) slices++;
  assert.ok(slices > 1);
  assert.is(shard.leases().size, 3000);
  assert.is(shard.published.lsn, lsn);
  clock.advance(10_000);
  assert.not(shard.step(), 'the bounds now say what is there');
});

test('a lease that was renewed or granted anew is not swept for its old deadline', () => {
  const { shard, clock } = open();
  const { token } = shard.answer(shard.acquire('chat/1', 'n1', 1000));
  shard.answer(shard.acquire('chat/2', 'n1', 1000));
  clock.advance(999);
  shard.answer(shard.renew('chat/1', token, { ttlMs: 100_000 }));
  clock.advance(1);
  shard.acquire('chat/2', 'n2', 100_000);
  clock.advance(10_000);
  shard.settle();
  assert.equal([...shard.leases().keys()], ['chat/1', 'chat/2']);
});

test('what was swept stays away after a restart; what was only expired is swept then', () => {
  const { shard, clock, files } = open();
  for (let i = 0; i < 500; i++) shard.acquire(`chat/${i}`, 'n1', i < 250 ? 1000 : 20_000);
  shard.settle();
  clock.advance(5000);
  shard.settle();
  assert.is(shard.leases().size, 250);
  shard.close();
  clock.advance(60_000);
  const again = ShardDriver.open({ files, clock });
  assert.is(again.leases().size, 250);
  again.settle();
  assert.is(again.leases().size, 0);
});

test.run();
