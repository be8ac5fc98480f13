import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import { HEALTH_DISK_FULL, HEALTH_SYNC_FAILED } from '../../native-layout/shard-control.js';
import { AT } from '../../src/metrics/counters.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { type DriverOptions, HandClock, type Pending, ShardDriver } from '../support/shard-driver.js';

const TTL = 60_000;

function open(options: Partial<DriverOptions> = {}): { shard: ShardDriver; clock: HandClock; files: FaultFileSystem } {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  const shard = ShardDriver.open({ files, clock, ...options });
  shard.answer(shard.acquire('chat/0', 'n1', TTL));
  shard.syncInBackground();
  return { shard, clock, files };
}

function expectFailed({ answer }: Pending, code: string, unknown: boolean): void {
  assert.equal([answer.status, answer.code, answer.unknown], [mail.STATUS_FAILED, code, unknown]);
}

test('a full disk fails the group and leaves no trace of it; writes go on when there is room', () => {
  const { shard, clock, files } = open();
  const before = shard.leases();
  files.inject({ code: 'ENOSPC', operation: 'write', bytesWritten: 100, times: 2 });
  const { token } = before.get('chat/0')!;
  const group = [shard.acquire('chat/1', 'n2', TTL), shard.renew('chat/0', token), shard.release('chat/9', 1)];
  shard.settle();
  for (const pending of group) expectFailed(pending, 'ERR_HOLDFAST_DISK_FULL', false);
  assert.equal(shard.leases(), before);
  assert.ok(shard.control.health & HEALTH_DISK_FULL);
  const second = shard.release('chat/0', token);
  shard.settle();
  expectFailed(second, 'ERR_HOLDFAST_DISK_FULL', false);
  assert.is(shard.answer(shard.renew('chat/0', token)).status, mail.STATUS_OK);
  assert.not(shard.control.health & HEALTH_DISK_FULL);
  const third = shard.answer(shard.acquire('chat/1', 'n3', TTL));
  assert.ok(third.token > token);
  shard.close();
  assert.equal([...ShardDriver.open({ files, clock }).leases().keys()], ['chat/0', 'chat/1']);
});

test('groups that fail give every node back', () => {
  const { shard, files } = open();
  const allocated = () => shard.control.doubles[AT.nodesAllocated];
  const value = 'v'.repeat(4000);
  shard.answer(shard.renew('chat/0', shard.leases().get('chat/0')!.token));
  const before = allocated();
  for (let i = 0; i < 50; i++) {
    files.inject({ code: 'ENOSPC', operation: 'write' });
    for (let k = 0; k < 7; k++) shard.acquire(`chat/${i}-${k}`, `n${i}`, TTL, { value });
    shard.settle();
  }
  shard.answer(shard.renew('chat/0', shard.leases().get('chat/0')!.token));
  const retired = shard.control.doubles[AT.nodesRetired];
  assert.ok(allocated() - retired <= before, `${allocated()} nodes, ${retired} of them retired; ${before} before`);
});

test('a full disk takes nothing from answers that wait for a sync, and answers nobody twice', () => {
  const { shard, files } = open();
  const waiting = shard.acquire('chat/1', 'n1', TTL, { synced: true });
  shard.settle();
  files.inject({ code: 'ENOSPC', operation: 'write' });
  const failed = shard.acquire('chat/2', 'n1', TTL, { synced: true });
  shard.settle();
  expectFailed(failed, 'ERR_HOLDFAST_DISK_FULL', false);
  assert.not(waiting.done);
  // Takes the LSN that the failed group would have had.
  assert.is(shard.answer(shard.acquire('chat/3', 'n1', TTL)).status, mail.STATUS_OK);
  shard.syncInBackground();
  // It has the number of the call that failed, and must not get an answer that was left behind for that one.
  assert.is(shard.answer(shard.renew('chat/9', 1)).status, mail.STATUS_UNKNOWN);
  assert.is(waiting.answer.status, mail.STATUS_OK);
  assert.is(failed.answers, 1);
  assert.is(shard.calls.size, 0);
});

test('a group that fails while a token ceiling is on its way leaves no hole in the log', () => {
  const { shard, clock, files } = open();
  // Half of the lead is used up: the next group logs a ceiling, which is not on the disk yet.
  clock.advance(6_000);
  assert.is(shard.answer(shard.acquire('chat/1', 'n1', TTL)).status, mail.STATUS_OK);
  files.inject({ code: 'ENOSPC', operation: 'write' });
  const failed = shard.acquire('chat/2', 'n1', TTL);
  shard.settle();
  expectFailed(failed, 'ERR_HOLDFAST_DISK_FULL', false);
  assert.is(shard.answer(shard.acquire('chat/3', 'n1', TTL)).status, mail.STATUS_OK);
  assert.is(ShardDriver.open({ files: files.afterKill(), clock }).leases().size, 3);
});

test('a full disk holds the sweep and releaseOwner up, not in a loop, and they go on when there is room', () => {
  const { shard, clock, files } = open();
  for (let i = 0; i < 600; i++) shard.acquire(`chat/${i}`, 'n2', i < 300 ? 1000 : 10 * TTL);
  shard.settle();
  files.capacityBytes = 0;
  clock.advance(5_000);
  const released = shard.releaseOwner('n2');
  shard.settle();
  expectFailed(released, 'ERR_HOLDFAST_DISK_FULL', false);
  assert.not(shard.step());
  assert.is(shard.leases().size, 600);
  files.capacityBytes = Number.POSITIVE_INFINITY;
  clock.advance(2_000);
  shard.settle();
  assert.is(shard.leases().size, 301);
});

test('releaseOwner that fails half way says that the outcome is unknown', () => {
  const { shard, files } = open();
  for (let i = 0; i < 600; i++) shard.acquire(`chat/${i}`, 'n2', TTL);
  shard.settle();
  const released = shard.releaseOwner('n2');
  assert.ok(shard.step());
  files.inject({ code: 'ENOSPC', operation: 'write' });
  shard.settle();
  expectFailed(released, 'ERR_HOLDFAST_DISK_FULL', true);
});

test('releaseOwner is answered once, and never as if nothing had been released when something was', () => {
  const holding = (leases: number) => {
    const opened = open();
    for (let i = 0; i < leases; i++) opened.shard.acquire(`room/${i}`, 'n2', TTL);
    opened.shard.settle();
    return { ...opened, released: opened.shard.releaseOwner('n2') };
  };
  for (const leases of [1, 10, 100, 300]) {
    const { shard: sound } = holding(leases);
    let slices = 0;
    while (sound.leases().size > 1) {
      assert.ok(sound.step());
      slices++;
    }
    assert.is(slices > 1, leases > 1);
    const { shard, files, released } = holding(leases);
    for (let i = 1; i < slices; i++) assert.ok(shard.step());
    // Fails with the slice that would have been the last.
    files.inject({ code: 'ENOSPC', operation: 'write' });
    shard.settle();
    expectFailed(released, 'ERR_HOLDFAST_DISK_FULL', slices > 1);
    assert.is(released.answers, 1, `${leases} leases`);
  }
});

test('a failed sync is final: nothing is written or synced any more, reads go on, what was in flight is unknown', () => {
  const { shard, files } = open({ durability: 'synced' });
  const before = shard.leases();
  files.inject({ code: 'EIO', operation: 'fdatasync' });
  const first = shard.acquire('chat/1', 'n1', TTL);
  shard.settle();
  expectFailed(first, 'ERR_HOLDFAST_IO', true);
  assert.ok(shard.control.health & HEALTH_SYNC_FAILED);
  const { steps } = files;
  const later = [shard.acquire('chat/2', 'n1', TTL), shard.flush(), shard.releaseOwner('n1')];
  shard.settle();
  for (const pending of later) expectFailed(pending, 'ERR_HOLDFAST_READ_ONLY', false);
  assert.equal(shard.leases(), before);
  assert.not(shard.shard.step());
  shard.close();
  assert.is(files.steps, steps);
});

test('a sync that fails in the background fails all that waited for it, and is as final', () => {
  const { shard, clock, files } = open();
  const waiting = Array.from({ length: 700 }, (_, i) => shard.acquire(`chat/${i}`, 'n2', TTL, { synced: true }));
  shard.settle();
  assert.is(shard.leases().size, 700);
  const released = shard.releaseOwner('n2');
  assert.ok(shard.step());
  assert.not(released.done);
  files.inject({ code: 'EIO', operation: 'fdatasync' });
  shard.syncInBackground();
  shard.settle();
  // chat/0 was held by another owner, which needs no disk to be said.
  assert.is(waiting[0].answer.status, mail.STATUS_HELD);
  for (const pending of [...waiting.slice(1), released]) expectFailed(pending, 'ERR_HOLDFAST_IO', true);
  const { steps } = files;
  clock.advance(10 * TTL);
  const refused = shard.renew('chat/0', 1);
  shard.settle();
  expectFailed(refused, 'ERR_HOLDFAST_READ_ONLY', false);
  assert.not(shard.syncInBackground(), 'the descriptor is never synced again');
  shard.close();
  assert.is(files.steps, steps);
});

for (const durability of ['written', 'synced'] as const) {
  test(`what a '${durability}' shard shows after a failed sync and a reopening is on the disk`, () => {
    const { shard, clock, files } = open({ durability });
    files.inject({ code: 'EIO', operation: 'fdatasync' });
    shard.acquire('chat/1', 'n1', TTL);
    shard.settle();
    shard.syncInBackground();
    assert.ok(shard.control.health & HEALTH_SYNC_FAILED);
    const again = ShardDriver.open({ files: files.afterKill(), clock, durability });
    const disk = again.options.files as FaultFileSystem;
    const shown = again.leases();
    assert.equal([...shown.keys()], ['chat/0', 'chat/1'], 'the cache still had it');
    for (const image of disk.images(1, 50)) assert.equal(ShardDriver.open({ files: image, clock }).leases(), shown);
    again.answer(again.acquire('chat/2', 'n1', TTL));
    again.syncInBackground();
    for (const image of disk.images(1, 50)) assert.is(ShardDriver.open({ files: image, clock }).leases().size, 3);
  });
}

test('a write that cannot be taken back is final, and its outcome unknown', () => {
  const { shard, files } = open();
  files.inject({ code: 'ENOSPC', operation: 'write', bytesWritten: 1 << 20 });
  files.inject({ code: 'EIO', operation: 'truncate' });
  const failed = shard.acquire('chat/1', 'n1', TTL);
  shard.settle();
  expectFailed(failed, 'ERR_HOLDFAST_IO', true);
  assert.ok(shard.control.health & HEALTH_SYNC_FAILED);
  const refused = shard.acquire('chat/2', 'n1', TTL);
  shard.settle();
  expectFailed(refused, 'ERR_HOLDFAST_READ_ONLY', false);
});

test('a segment that cannot be made leaves the log where it was', () => {
  const { shard, clock, files } = open({ segmentBytesMax: 600 });
  files.inject({ code: 'ENOSPC', operation: 'open', path: /wal-/, times: 3 });
  let failures = 0;
  for (let i = 0; i < 30; i++) {
    if (shard.answer(shard.acquire(`chat/${i}`, 'n1', TTL)).status === mail.STATUS_FAILED) failures++;
  }
  assert.is(failures, 3);
  shard.close();
  assert.ok(files.list('/shard').length > 3);
  assert.is(ShardDriver.open({ files, clock }).leases().size, 30 - failures);
});

test('a closing shard answers what still waits for the disk', () => {
  const { shard } = open();
  const waiting = shard.acquire('chat/1', 'n1', TTL, { synced: true });
  shard.close();
  shard.mailbox.drain(shard.calls);
  assert.is(waiting.answer.status, mail.STATUS_OK);
});

test.run();
