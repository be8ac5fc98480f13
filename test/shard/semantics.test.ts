import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { type Answer, type DriverOptions, HandClock, ShardDriver } from '../support/shard-driver.js';

const TTL = 60_000;

function open(options: Partial<DriverOptions> = {}): { shard: ShardDriver; clock: HandClock; files: FaultFileSystem } {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  return { shard: ShardDriver.open({ files, clock, ...options }), clock, files };
}

function granted(answer: Answer): Answer {
  assert.is(answer.status, mail.STATUS_OK);
  return answer;
}

test('a free key is granted, and the answer and the stored lease say the same', () => {
  const { shard, clock } = open();
  const { token, expiresAtMs, ttlMs, renewals } = granted(
    shard.answer(shard.acquire('chat/1', 'n1', TTL, { value: 'v' })),
  );
  assert.is(expiresAtMs, clock.wall + TTL);
  assert.equal(shard.leases().get('chat/1'), { owner: 'n1', token, expiresAtMs, ttlMs, renewals, value: 'v' });
});

test('a live lease of another owner stands in the way and is shown; its own owner is granted afresh', () => {
  const { shard } = open();
  const first = granted(shard.answer(shard.acquire('chat/1', 'n1', TTL, { value: 'v' })));
  const refused = shard.answer(shard.acquire('chat/1', 'n2', TTL));
  assert.is(refused.status, mail.STATUS_HELD);
  assert.equal([refused.owner, refused.token, refused.value], ['n1', first.token, 'v']);
  const again = granted(shard.answer(shard.acquire('chat/1', 'n1', TTL)));
  assert.ok(again.token > first.token);
  assert.is(shard.leases().get('chat/1')?.value, undefined);
  assert.is(shard.answer(shard.renew('chat/1', first.token)).status, mail.STATUS_SUPERSEDED);
  assert.is(shard.answer(shard.release('chat/1', first.token)).status, mail.STATUS_SUPERSEDED);
});

test('a lease holds until its deadline and not a moment longer', () => {
  const { shard, clock } = open({ sweepIntervalMs: 3_600_000 });
  const { token } = granted(shard.answer(shard.acquire('chat/1', 'n1', TTL)));
  clock.advance(TTL - 1);
  assert.is(shard.answer(shard.acquire('chat/1', 'n2', TTL)).status, mail.STATUS_HELD);
  clock.advance(1);
  assert.is(shard.answer(shard.renew('chat/1', token)).status, mail.STATUS_EXPIRED);
  assert.is(shard.answer(shard.release('chat/1', token)).status, mail.STATUS_EXPIRED);
  assert.ok(granted(shard.answer(shard.acquire('chat/1', 'n2', TTL))).token > token);
});

test('a request that joins a group late is judged no earlier than it was sent', () => {
  let onRead = () => {};
  class Interrupted extends HandClock {
    override monotonicMs(): number {
      const read = super.monotonicMs();
      onRead();
      return read;
    }
  }
  const files = new FaultFileSystem();
  const clock = new Interrupted();
  const shard = ShardDriver.open({ files, clock, sweepIntervalMs: 3_600_000 });
  granted(shard.answer(shard.acquire('chat/1', 'n1', TTL)));
  const first = shard.acquire('chat/2', 'n1', TTL);
  // The shard's thread has read the clock for its group, and then loses its core for as long as the lease lives.
  let late: ReturnType<typeof shard.acquire> | undefined;
  onRead = () => {
    onRead = () => {};
    clock.advance(TTL);
    late = shard.acquire('chat/1', 'n2', TTL);
    shard.mailbox.send();
  };
  shard.answer(first);
  assert.is(granted(late?.answer as Answer).expiresAtMs, clock.wall + TTL);
  const recovered = new ShardDriver({ files: files.afterKill(), clock: new HandClock() }).recover();
  assert.is(recovered.lastStoreMs, clock.wall, 'the log tells of the later instant too');
});

test('a renewal moves the deadline, by the ttl of the lease or a new one, and counts', () => {
  const { shard, clock } = open();
  const { token } = granted(shard.answer(shard.acquire('chat/1', 'n1', TTL, { value: 'v' })));
  clock.advance(10_000);
  assert.is(granted(shard.answer(shard.renew('chat/1', token))).expiresAtMs, clock.wall + TTL);
  assert.is(granted(shard.answer(shard.renew('chat/1', token, { ttlMs: 5 }))).expiresAtMs, clock.wall + 5);
  const { renewals, ttlMs } = granted(shard.answer(shard.renew('chat/1', token, { value: 'w' })));
  assert.equal([renewals, ttlMs], [3, 5]);
  assert.is(shard.leases().get('chat/1')?.value, 'w');
});

test('a renewal or release with a token that nobody was given is unknown, as is a key without a lease', () => {
  const { shard } = open();
  const { token } = granted(shard.answer(shard.acquire('chat/1', 'n1', TTL)));
  assert.is(shard.answer(shard.renew('chat/1', token + 1)).status, mail.STATUS_UNKNOWN);
  assert.is(shard.answer(shard.release('chat/2', token)).status, mail.STATUS_UNKNOWN);
  granted(shard.answer(shard.release('chat/1', token)));
  assert.is(shard.answer(shard.release('chat/1', token)).status, mail.STATUS_UNKNOWN);
  assert.is(shard.leases().size, 0);
});

test('with previous, only the lease with that token is taken over, or a free key with 0', () => {
  const { shard, clock } = open();
  const first = granted(shard.answer(shard.acquire('chat/1', 'n1', TTL, { previous: 0 })));
  assert.is(shard.answer(shard.acquire('chat/1', 'n1', TTL, { previous: 0 })).status, mail.STATUS_HELD);
  const second = granted(shard.answer(shard.acquire('chat/1', 'n2', TTL, { previous: first.token })));
  assert.is(shard.leases().get('chat/1')?.owner, 'n2');
  assert.is(shard.answer(shard.acquire('chat/1', 'n3', TTL, { previous: first.token })).status, mail.STATUS_HELD);
  clock.advance(TTL);
  assert.is(shard.answer(shard.acquire('chat/1', 'n3', TTL, { previous: second.token })).status, mail.STATUS_CHANGED);
  granted(shard.answer(shard.acquire('chat/1', 'n3', TTL, { previous: 0 })));
});

test('an import keeps owner, deadline and token, never lowers a token, and lifts those handed out after it', () => {
  const { shard, clock } = open();
  const token = clock.wall * 1000 + 60_000_000;
  const lease = { owner: 'old', token, expiresAtMs: clock.wall + 9, ttlMs: TTL, renewals: 7, value: 'v' };
  granted(shard.answer(shard.import('chat/1', lease)));
  assert.equal(shard.leases().get('chat/1'), lease);
  assert.is(shard.answer(shard.import('chat/1', { ...lease, owner: 'x' })).status, mail.STATUS_SUPERSEDED);
  const older = shard.answer(shard.import('chat/1', { ...lease, token: token - 1, renewals: 9 }));
  assert.is(older.status, mail.STATUS_SUPERSEDED);
  assert.equal(shard.leases().get('chat/1'), lease);
  assert.ok(granted(shard.answer(shard.acquire('chat/2', 'n1', TTL))).token > token);
});

test('requests of one group see each other, in order', () => {
  const { shard } = open();
  const first = shard.acquire('chat/1', 'n1', TTL);
  const second = shard.acquire('chat/1', 'n2', TTL);
  const commits = shard.control.current;
  assert.ok(shard.step());
  assert.is(first.answer.status, mail.STATUS_OK);
  assert.equal([second.answer.status, second.answer.owner], [mail.STATUS_HELD, 'n1']);
  assert.is.not(shard.control.current, commits);
  assert.not(shard.step());
});

test('tokens rise across release, expiry, restart and kill, and with the clock set back', () => {
  const { shard, clock, files } = open();
  let last = 0;
  const next = (driver: ShardDriver): void => {
    const { token } = granted(driver.answer(driver.acquire('chat/1', 'n1', 1000)));
    assert.ok(token > last, `${token} after ${last}`);
    last = token;
  };
  next(shard);
  granted(shard.answer(shard.release('chat/1', last)));
  next(shard);
  clock.advance(1001);
  next(shard);
  shard.close();
  clock.wall -= 3_600_000;
  const second = ShardDriver.open({ files, clock });
  next(second);
  const { expiresAtMs } = second.leases().get('chat/1')!;
  assert.ok(expiresAtMs > clock.wall + 3_600_000, 'store time goes on where it was');
  clock.wall -= 3_600_000;
  next(ShardDriver.open({ files: files.afterKill(), clock }));
});

test('releaseOwner releases what the owner held when it was called, in slices, and nothing else', () => {
  const { shard } = open();
  for (let i = 0; i < 1000; i++) shard.acquire(`chat/${i}`, i % 3 === 0 ? 'n2' : 'n1', TTL);
  shard.settle();
  const released = shard.releaseOwner('n1');
  assert.ok(shard.step());
  assert.not(released.done, 'one slice is not enough');
  const later = shard.acquire('chat/new', 'n1', TTL);
  shard.settle();
  granted(later.answer);
  assert.is(released.answer.count, 666);
  const leases = shard.leases();
  assert.is(leases.size, 335);
  assert.is([...leases.values()].filter(({ owner }) => owner === 'n1').length, 1);
  assert.is(shard.answer(shard.releaseOwner('nobody')).count, 0);
});

test('releaseOwner goes on behind leases that were granted after the call', () => {
  const { shard } = open();
  for (let i = 0; i < 600; i++) shard.acquire(`chat/${1000 + i}`, 'n1', TTL);
  shard.settle();
  const released = shard.releaseOwner('n1');
  // Granted in the same group, so before the first slice: these stay, wherever a slice ends.
  for (let i = 200; i < 300; i++) shard.acquire(`chat/${1000 + i}`, 'n1', TTL);
  shard.settle();
  assert.is(released.answer.count, 500);
  assert.is(shard.leases().size, 100);
});

test('names of owners come with their first lease and go with their last', () => {
  const { shard, files, clock } = open();
  for (let round = 0; round < 20; round++) {
    const tokens = Array.from({ length: 50 }, (_, i) => shard.acquire(`t/${i}`, `node-${round}-${i}`, TTL));
    shard.settle();
    const held = shard.leases();
    assert.is(held.size, 50);
    for (const [i, { answer }] of tokens.entries()) shard.release(`t/${i}`, answer.token);
    shard.settle();
    assert.is(shard.leases().size, 0);
  }
  granted(shard.answer(shard.acquire('t/1', 'x'.repeat(128), TTL)));
  shard.close();
  const again = ShardDriver.open({ files, clock });
  assert.is(again.leases().get('t/1')?.owner, 'x'.repeat(128));
});

test('values of every size come back, inline and in value nodes, before and after a restart', () => {
  const { shard, files, clock } = open({ memoryBytes: 1 << 22 });
  const sizes = [0, 1, 3, 4, 255, 511, 512, 513, 600, 1999, 2000, 2007, 2008, 2009, 4000, 4016, 4095, 4096];
  const text = (size: number, seed: number) => Array.from({ length: size }, (_, i) => (i * 7 + seed) % 10).join('');
  const tokens = sizes.map((size, i) => shard.acquire(`t/${i}`, 'n1', TTL, { value: text(size, i) }));
  shard.settle();
  const expectAll = (driver: ShardDriver, seed: number) => {
    const leases = driver.leases();
    for (const [i, size] of sizes.entries()) assert.is(leases.get(`t/${i}`)?.value, text(size, i + seed));
  };
  expectAll(shard, 0);
  // Each lease now gets the size of its neighbour, so that inline values move out and long ones move in.
  for (const [i, { answer }] of tokens.entries()) {
    shard.renew(`t/${i}`, answer.token, { value: text(sizes[(i + 9) % sizes.length], i) });
  }
  shard.settle();
  for (const [i, { answer }] of tokens.entries()) shard.renew(`t/${i}`, answer.token, { value: text(sizes[i], i + 1) });
  shard.settle();
  expectAll(shard, 1);
  assert.is(shard.answer(shard.acquire('t/17', 'n2', TTL)).value, text(4096, 18));
  const killed = ShardDriver.open({ files: files.afterKill(), clock });
  expectAll(killed, 1);
  shard.syncInBackground();
  shard.checkpoint();
  shard.close();
  const again = ShardDriver.open({ files, clock });
  expectAll(again, 1);
  again.releaseOwner('n1');
  again.settle();
  assert.is(again.leases().size, 0);
});

test('a write that asks for it is answered only once the disk has it; others do not wait', () => {
  const { shard, files } = open();
  granted(shard.answer(shard.acquire('chat/0', 'n1', TTL)));
  const slow = shard.acquire('chat/1', 'n1', TTL, { synced: true });
  const quick = shard.acquire('chat/2', 'n1', TTL);
  shard.settle();
  assert.ok(quick.done);
  assert.not(slow.done);
  assert.is(shard.leases().size, 3, 'it is visible before');
  const flushed = shard.flush();
  shard.settle();
  assert.not(flushed.done);
  assert.ok(shard.syncInBackground());
  const { steps } = files;
  shard.settle();
  granted(slow.answer);
  granted(flushed.answer);
  assert.is(files.steps, steps);
  assert.not(shard.syncInBackground(), 'nothing is left to sync');
  granted(shard.answer(shard.flush()));
  const next = shard.acquire('chat/3', 'n1', TTL, { synced: true });
  shard.settle();
  assert.not(shard.step());
  granted(shard.answer(shard.acquire('chat/4', 'n1', TTL)));
  assert.not(next.done, 'the disk has all but the very record that it waits for');
  shard.syncInBackground();
  shard.settle();
  granted(next.answer);
});

test('nothing is visible or answered before its frame is in the log', () => {
  for (const durability of ['written', 'synced'] as const) {
    const { shard, files } = open({ durability });
    granted(shard.answer(shard.acquire('chat/0', 'n1', TTL)));
    const before = shard.leases();
    const call = shard.acquire('chat/1', 'n1', TTL);
    let steps = 0;
    files.beforeStep = () => {
      steps++;
      shard.mailbox.drain(shard.calls);
      assert.not(call.done);
      assert.equal(shard.leases(), before);
    };
    granted(shard.answer(call));
    assert.is(steps, durability === 'synced' ? 2 : 1);
  }
});

test('where every write is synced, it is on the disk before it is visible or answered', () => {
  const { shard, files, clock } = open({ durability: 'synced' });
  files.inject({ code: 'EIO', operation: 'fdatasync' });
  const failed = shard.answer(shard.acquire('chat/1', 'n1', TTL));
  assert.equal([failed.status, failed.unknown], [mail.STATUS_FAILED, true]);
  assert.is(shard.leases().size, 0);
  const { shard: other, files: disk } = open({ durability: 'synced' });
  granted(other.answer(other.acquire('chat/1', 'n1', TTL)));
  for (const image of disk.images(1, 5)) assert.is(ShardDriver.open({ files: image, clock }).leases().size, 1);
});

test.run();
