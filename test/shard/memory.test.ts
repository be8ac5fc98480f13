import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import { HEALTH_CLOSED } from '../../native-layout/shard-control.js';
import { readCommit } from '../../src/memory/control.js';
import { claimRow, PinRow } from '../../src/memory/pins.js';
import { AT } from '../../src/metrics/counters.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { type Answer, HandClock, ShardDriver } from '../support/shard-driver.js';
import { storedLeases } from '../support/stored-leases.js';

const TTL = 3_600_000;

/** A shard that takes no more leases; answers the tokens of those that it has, by key. */
function fill(): { shard: ShardDriver; clock: HandClock; files: FaultFileSystem; held: Map<string, number> } {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  const shard = ShardDriver.open({ files, clock, memoryBytes: 1 << 21 });
  const held = new Map<string, number>();
  for (let i = 0; ; i++) {
    const key = `chat/${(i * 7919) % 1_000_003}`;
    const answer = shard.answer(shard.acquire(key, `n${i % 10}`, TTL, { value: 'v'.repeat(i % 900) }));
    if (answer.status === mail.STATUS_FAILED) {
      assert.equal([answer.code, answer.unknown], ['ERR_HOLDFAST_FULL', false]);
      break;
    }
    held.set(key, answer.token);
  }
  assert.ok(held.size > 500, `${held.size} leases`);
  return { shard, clock, files, held };
}

function isOk({ status }: Answer): boolean {
  return status === mail.STATUS_OK;
}

test('renewals that are refused copy nothing, whatever a reader holds on to', () => {
  const shard = ShardDriver.open({ files: new FaultFileSystem(), clock: new HandClock(), memoryBytes: 1 << 22 });
  const held = new Map<string, number>();
  for (let i = 0; i < 5000; i++) {
    held.set(`chat/${i}`, shard.answer(shard.acquire(`chat/${i}`, 'n1', TTL)).token);
  }
  const pins = new PinRow(shard.control, claimRow([shard.control]));
  const pin = pins.acquire();
  const { doubles } = shard.control;
  const used = () => doubles[AT.nodesAllocated] - doubles[AT.nodesFree];
  const before = used();
  for (const [key, token] of held) shard.renew(key, token + 1);
  shard.settle();
  assert.ok(used() - before < 10, `${used() - before} nodes for nothing`);
  for (const [key, token] of held) shard.renew(key, token);
  shard.settle();
  assert.ok(used() - before > 30, `${used() - before} nodes for as many leases`);
  pins.release(pin);
});

test('memory that is full stops growth, not renewals and releases, and growth goes on when there is room', () => {
  const { shard, held } = fill();
  for (let round = 0; round < 5; round++) {
    const renewals = [...held].map(([key, token]) => shard.renew(key, token));
    shard.settle();
    for (const { answer } of renewals) assert.ok(isOk(answer));
  }
  const [first] = held;
  assert.is(shard.answer(shard.renew(...first, { value: 'w'.repeat(4000) })).code, 'ERR_HOLDFAST_FULL');
  for (const [key, token] of [...held].slice(0, 100)) assert.ok(isOk(shard.answer(shard.release(key, token))));
  assert.ok(isOk(shard.answer(shard.acquire('zoo/1', 'n1', TTL))));
});

test('a full shard is recovered into the same memory, from its log and from a checkpoint', () => {
  const { shard, clock, files } = fill();
  const before = shard.leases();
  const killed = ShardDriver.open({ files: files.afterKill(), clock, memoryBytes: 1 << 21 });
  assert.equal(killed.leases(), before);
  shard.syncInBackground();
  shard.checkpoint();
  shard.close();
  const again = ShardDriver.open({ files, clock, memoryBytes: 1 << 21 });
  assert.equal(again.leases(), before);
  assert.throws(
    () => ShardDriver.open({ files: files.afterKill(), clock, memoryBytes: 1 << 20 }),
    (error: { code?: string }) => error.code === 'ERR_HOLDFAST_FULL',
  );
});

for (const [first, second] of [
  ['ant', 'zoo'],
  ['zoo', 'ant'],
]) {
  test(`a shard that was full of ${first}s and then of ${second}s is recovered into the same memory`, () => {
    const files = new FaultFileSystem();
    const clock = new HandClock();
    const shard = ShardDriver.open({ files, clock, memoryBytes: 1 << 21 });
    for (const type of [first, second]) {
      const held = new Map<string, number>();
      for (let i = 0; ; i++) {
        const key = `${type}/${(i * 7919) % 1_000_003}`;
        const answer = shard.answer(shard.acquire(key, 'n1', TTL));
        if (answer.status === mail.STATUS_FAILED) break;
        held.set(key, answer.token);
      }
      assert.ok(held.size > 1000);
      if (type === second) break;
      shard.syncInBackground();
      shard.checkpoint();
      for (const [key, token] of held) assert.ok(isOk(shard.answer(shard.release(key, token))));
    }
    const killed = ShardDriver.open({ files: files.afterKill(), clock, memoryBytes: 1 << 21 });
    assert.equal(killed.leases(), shard.leases());
  });
}

test('a reader that stays on an old commit holds writes up at worst; they go on when it is gone', () => {
  const { shard, held } = fill();
  const pins = new PinRow(shard.control, claimRow([shard.control]));
  const pin = pins.acquire();
  const seen = shard.leases();
  const renewals = [...held].map(([key, token]) => shard.renew(key, token));
  shard.settle();
  assert.equal(storedLeases(shard.slabs, readCommit(shard.control, pins.slot(pin))), seen);
  const waiting = renewals.filter(({ done }) => !done).length;
  assert.ok(waiting > 0, 'a whole copy does not fit beside the old one');
  pins.release(pin);
  shard.settle();
  for (const { answer } of renewals) assert.ok(isOk(answer));
});

test('a store that is being closed gives up on writes that a reader keeps waiting', () => {
  const { shard, clock, held } = fill();
  const pins = new PinRow(shard.control, claimRow([shard.control]));
  pins.acquire();
  const renewals = [...held].map(([key, token]) => shard.renew(key, token));
  const releases = [shard.releaseOwner('n1'), shard.releaseOwner('n2')];
  shard.settle();
  const waiting = [...renewals, ...releases].filter(({ done }) => !done);
  assert.ok(waiting.length > 2);
  const before = shard.leases();
  shard.control.raise(HEALTH_CLOSED);
  clock.advance(500);
  shard.settle();
  assert.ok(
    waiting.every(({ done }) => !done),
    'a reader has some time to end',
  );
  clock.advance(600);
  shard.settle();
  for (const { answer } of waiting) assert.equal([answer.code, answer.unknown], ['ERR_HOLDFAST_FULL', false]);
  assert.equal(shard.leases(), before, 'they were not carried out');
});

test('a release of an owner that was half done is given up as unknown', () => {
  const { shard, clock, held } = fill();
  const pins = new PinRow(shard.control, claimRow([shard.control]));
  for (const [key, token] of [...held].slice(0, 20)) shard.answer(shard.release(key, token));
  pins.acquire();
  const before = shard.leases().size;
  const releases = Array.from({ length: 10 }, (_, i) => shard.releaseOwner(`n${i}`));
  shard.settle();
  const waiting = releases.filter(({ done }) => !done);
  assert.ok(waiting.length > 0 && shard.leases().size < before);
  shard.control.raise(HEALTH_CLOSED);
  clock.advance(1100);
  shard.settle();
  for (const { answer } of waiting) assert.equal([answer.code, answer.unknown], ['ERR_HOLDFAST_FULL', true]);
});

test('while there is room, a reader keeps its commit through any number of later ones', () => {
  const shard = ShardDriver.open({ files: new FaultFileSystem(), clock: new HandClock(), memoryBytes: 1 << 23 });
  const tokens = Array.from({ length: 300 }, (_, i) => shard.answer(shard.acquire(`chat/${i}`, 'n1', TTL)).token);
  const pins = new PinRow(shard.control, claimRow([shard.control]));
  const pin = pins.acquire();
  const seen = shard.leases();
  for (let i = 0; i < 3000; i++) shard.answer(shard.renew(`chat/${i % 300}`, tokens[i % 300]));
  assert.equal(storedLeases(shard.slabs, readCommit(shard.control, pins.slot(pin))), seen);
  const { doubles } = shard.control;
  assert.ok(doubles[AT.nodesAllocated] < 500, 'what came and went after it was freed');
  pins.release(pin);
});

test('an idle snapshot is given up for memory', () => {
  const { shard, held } = fill();
  const pins = new PinRow(shard.control, claimRow([shard.control]));
  const pin = pins.acquire();
  pins.rest(pin, 2 ** 31 - 1);
  for (let round = 0; round < 2; round++) {
    const renewals = [...held].map(([key, token]) => shard.renew(key, token));
    shard.settle();
    for (const { answer } of renewals) assert.ok(isOk(answer));
  }
  assert.not(pins.resume(pin));
  assert.is(shard.control.doubles[AT.snapshotsOusted], 1);
});

test.run();
