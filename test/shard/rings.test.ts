import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, type Pending, ShardDriver } from '../support/shard-driver.js';
import { Random } from '../support/tree-random.js';

const TTL = 60_000;

/** Moves both ends of an empty ring to a position. */
function at(position: number): (ring: SharedArrayBuffer) => void {
  return (ring) => {
    const words = new Uint32Array(ring);
    words[mail.HEAD] = position;
    words[mail.TAIL] = position;
  };
}

for (const [name, position] of [
  ['2^31', 2 ** 31],
  ['2^32', 2 ** 32],
] as const) {
  test(`positions of both rings pass ${name}`, () => {
    const files = new FaultFileSystem();
    const prepareRing = at((position - 40_000) >>> 0);
    const shard = ShardDriver.open({ files, clock: new HandClock(), ringBytes: 1 << 14, prepareRing });
    const value = 'v'.repeat(333);
    let tokens: number[] = [];
    for (let round = 0; round < 80; round++) {
      const calls = Array.from({ length: 40 }, (_, i) => shard.acquire(`chat/${i}`, 'n1', TTL, { value }));
      const held = Array.from({ length: 10 }, (_, i) => shard.acquire(`chat/${i}`, 'n2', TTL));
      shard.settle();
      for (const [i, { answer }] of held.entries()) {
        assert.equal([answer.status, answer.token, answer.value], [mail.STATUS_HELD, calls[i].answer.token, value]);
      }
      for (const [i, { answer }] of calls.entries()) assert.ok(answer.token > (tokens[i] ?? 0));
      tokens = calls.map(({ answer }) => answer.token);
    }
    const [requests, completions] = [shard.config.requests, shard.config.completions].map((r) => new Uint32Array(r));
    for (const words of [requests, completions]) {
      const passed = (words[mail.TAIL] - position) >>> 0;
      assert.ok(passed > 0 && passed < 2 ** 20, `${words[mail.TAIL]} is just past ${name}`);
    }
    assert.is(shard.calls.size, 0);
  });
}

test('what finds no room in the ring waits in order and is sent when there is some', () => {
  const random = new Random(7);
  const shard = ShardDriver.open({ files: new FaultFileSystem(), clock: new HandClock(), ringBytes: 1 << 14 });
  const calls = Array.from({ length: 500 }, (_, i) =>
    shard.acquire('chat/1', 'n1', TTL, { value: `${i}`.padEnd(random.between(4, 1500)) }),
  );
  shard.settle();
  for (let i = 1; i < calls.length; i++) assert.ok(calls[i].answer.token > calls[i - 1].answer.token);
  assert.is(shard.leases().get('chat/1')?.value?.trim(), '499');
});

test('a client that takes no answers stops the shard without losing any', () => {
  const shard = ShardDriver.open({ files: new FaultFileSystem(), clock: new HandClock(), ringBytes: 1 << 14 });
  const { token } = shard.answer(shard.acquire('chat/0', 'n1', TTL, { value: 'v'.repeat(1000) }));
  const held = Array.from({ length: 100 }, () => shard.acquire('chat/0', 'n2', TTL));
  const last = shard.renew('chat/0', token);
  shard.mailbox.send();
  while (shard.shard.step());
  assert.is(shard.leases().get('chat/0')?.renewals, 0, 'the renewal behind them was not taken');
  shard.settle();
  for (const { answer } of held) assert.equal([answer.status, answer.value?.length], [mail.STATUS_HELD, 1000]);
  assert.is(last.answer.status, mail.STATUS_OK);
});

test('more failures than the ring holds reach their callers all the same', () => {
  const files = new FaultFileSystem();
  const shard = ShardDriver.open({ files, clock: new HandClock(), ringBytes: 1 << 14 });
  const calls: Pending[] = [];
  // Answers that wait for the disk do so outside of the ring.
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 200; i++) calls.push(shard.acquire(`${round}/${i}`, 'n1', TTL, { synced: true }));
    shard.settle();
  }
  assert.is(shard.leases().size, 1000);
  files.inject({ code: 'EIO', operation: 'fdatasync' });
  shard.syncInBackground();
  shard.settle();
  for (const { answer } of calls) assert.equal([answer.code, answer.unknown], ['ERR_HOLDFAST_IO', true]);
});

test.run();
