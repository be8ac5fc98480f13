import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import { claimRow, PinRow } from '../../src/memory/pins.js';
import { callTurn } from '../../src/shard/wait.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, ShardDriver } from '../support/shard-driver.js';

const TTL = 60_000;

/** A shard whose loop runs in this thread: it gives way only when it is called to, and must be called to stop. */
async function running(options = {}): Promise<{ shard: ShardDriver; clock: HandClock; stop: () => Promise<void> }> {
  const clock = new HandClock();
  const shard = ShardDriver.open({ files: new FaultFileSystem(), clock, memoryBytes: 1 << 22, ...options });
  callTurn(shard.control);
  const ends = shard.shard.run();
  const stop = async () => {
    shard.shard.stop();
    callTurn(shard.control);
    await ends;
  };
  return { shard, clock, stop };
}

async function oneTurn(shard: ShardDriver): Promise<void> {
  callTurn(shard.control);
  await turn();
  await turn();
}

test('requests that came by the time it stops are carried out', async () => {
  const { shard, stop } = await running();
  const calls = Array.from({ length: 200 }, (_, i) => shard.acquire(`chat/${i}`, 'n1', TTL));
  shard.mailbox.send();
  await stop();
  shard.mailbox.drain(shard.calls);
  for (const { answer } of calls) assert.is(answer.status, mail.STATUS_OK);
});

test('it gives way between two groups, however many requests there are', async () => {
  const { shard, stop } = await running({ ringBytes: 1 << 19 });
  const calls = Array.from({ length: 4000 }, (_, i) => shard.acquire(`chat/${i}`, 'n1', TTL));
  shard.mailbox.send();
  await oneTurn(shard);
  shard.mailbox.drain(shard.calls);
  const answered = calls.filter(({ done }) => done).length;
  await stop();
  assert.ok(answered > 0 && answered < 3000, `${answered} were answered by the second turn`);
  shard.mailbox.drain(shard.calls);
  assert.is(calls.filter(({ done }) => !done).length, 0);
});

test('a resting snapshot past its deadline is taken away while the shard is at work', async () => {
  const { shard, clock, stop } = await running();
  const pins = new PinRow(shard.control, claimRow([shard.control]));
  const pin = pins.acquire();
  pins.rest(pin, Math.floor(clock.wall / 1000) + 5);
  clock.advance(4000);
  shard.acquire('chat/1', 'n1', TTL);
  shard.mailbox.send();
  await oneTurn(shard);
  const stayed = pins.resume(pin);
  pins.rest(pin, Math.floor(clock.wall / 1000));
  clock.advance(2000);
  shard.acquire('chat/2', 'n1', TTL);
  shard.mailbox.send();
  await oneTurn(shard);
  await stop();
  assert.ok(stayed);
  assert.not(pins.resume(pin));
});

test.run();
