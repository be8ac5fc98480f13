import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import type { OnRestart } from '../../src/options.js';
import { scaled, seed } from '../support/env.js';
import { CrashError, FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, ShardDriver } from '../support/shard-driver.js';
import type { StoredLease } from '../support/stored-leases.js';

const LEASES = 1500;
const DOWN_MS = 100_000;
const MEMORY = { memoryBytes: 1 << 22, sweepIntervalMs: 3_600_000 };

/** A shard with leases of all ages, a tenth of which has expired; killed or closed. */
function downed(how: 'closed' | 'killed'): {
  files: FaultFileSystem;
  clock: HandClock;
  leases: Map<string, StoredLease>;
} {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  const driver = ShardDriver.open({ files, clock, ...MEMORY });
  for (let i = 0; i < LEASES; i++) driver.acquire(`chat/${i}`, `n${i % 7}`, 1000 + i * 10);
  driver.settle();
  clock.advance(4000);
  driver.acquire('zoo/1', 'n1', 1_000_000);
  // One group, and so one slice of the sweep: the rest of what has expired is there when the shard goes down.
  driver.step();
  driver.syncInBackground();
  const leases = driver.leases();
  assert.ok([...leases.values()].filter(({ expiresAtMs }) => expiresAtMs <= driver.nowMs).length > 10);
  if (how === 'closed') driver.shard.close();
  return { files, clock, leases };
}

function reopen(files: FaultFileSystem, clock: HandClock, onRestart: OnRestart): ShardDriver {
  return ShardDriver.open({ files, clock, onRestart, ...MEMORY });
}

for (const how of ['closed', 'killed'] as const) {
  test(`keep-deadlines: what expired while the store was ${how} has expired`, () => {
    const { files, clock, leases } = downed(how);
    clock.advance(DOWN_MS);
    assert.equal(reopen(files, clock, 'keep-deadlines').leases(), leases);
  });

  test(`extend-by-downtime: a lease has as much time left as when the store was ${how}`, () => {
    const { files, clock, leases } = downed(how);
    const downMs = clock.wall;
    clock.advance(DOWN_MS);
    const driver = reopen(files, clock, 'extend-by-downtime');
    const found = driver.leases();
    for (const [key, lease] of leases) {
      const expected = lease.expiresAtMs > downMs ? { ...lease, expiresAtMs: lease.expiresAtMs + DOWN_MS } : undefined;
      assert.equal(found.get(key), expected, key);
    }
    const again = reopen(files.afterKill(), clock, 'extend-by-downtime');
    assert.equal(again.leases(), found, 'no time has passed since, so none is given twice');
    const replayed = reopen(files.afterKill(), clock, 'keep-deadlines');
    assert.equal(replayed.leases(), found, 'the shift is in the log');
  });

  test(`full-ttl: every lease that lived when the store was ${how} has its whole ttl again`, () => {
    const { files, clock, leases } = downed(how);
    const downMs = clock.wall;
    clock.advance(DOWN_MS);
    const driver = reopen(files, clock, 'full-ttl');
    const found = driver.leases();
    for (const [key, lease] of leases) {
      const expected = lease.expiresAtMs > downMs ? { ...lease, expiresAtMs: clock.wall + lease.ttlMs } : undefined;
      assert.equal(found.get(key), expected, key);
    }
    driver.syncInBackground();
    driver.checkpoint();
    assert.equal(reopen(files.afterKill(), clock, 'keep-deadlines').leases(), found);
  });
}

test('a crash at any step of the opening costs no lease its time', () => {
  const { files, clock, leases } = downed('closed');
  const downMs = clock.wall;
  clock.advance(DOWN_MS);
  let images = 0;
  for (const onRestart of ['extend-by-downtime', 'full-ttl'] as const) {
    for (let step = 1; ; step++) {
      const cut = files.afterKill();
      cut.crashAt(step);
      if (!crashes(() => reopen(cut, clock, onRestart))) break;
      for (const image of cut.images(seed + step, scaled(3, 20))) {
        images++;
        const found = reopen(image, clock, onRestart).leases();
        for (const [key, lease] of leases) {
          if (lease.expiresAtMs <= downMs) assert.not(found.has(key), `${key} had expired, and stays so`);
          else {
            const least = onRestart === 'full-ttl' ? clock.wall + lease.ttlMs : lease.expiresAtMs + DOWN_MS;
            assert.is(found.get(key)?.expiresAtMs, least, `${onRestart}, step ${step}: ${key}`);
          }
        }
      }
    }
  }
  assert.ok(images > 20, `${images} images`);
});

function crashes(step: () => void): boolean {
  try {
    step();
    return false;
  } catch (error) {
    if (error instanceof CrashError || (error as Error).cause instanceof CrashError) return true;
    throw error;
  }
}

test('what a start found is on the disk before anything follows it', () => {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  const driver = reopen(files, clock, 'keep-deadlines');
  driver.answer(driver.acquire('chat/1', 'n1', 1000));
  const leases = driver.leases();
  // Killed: the record is in the page cache, and no disk has it yet.
  const then = reopen(files, clock, 'keep-deadlines');
  assert.equal(then.leases(), leases);
  for (const image of files.images(seed, 20)) assert.equal(reopen(image, clock, 'keep-deadlines').leases(), leases);
});

test('with the clock set back, store time goes on, and nothing that expired revives', () => {
  const { files, clock, leases } = downed('closed');
  const downMs = clock.wall;
  clock.wall -= 1_000_000;
  for (const onRestart of ['keep-deadlines', 'extend-by-downtime'] as const) {
    const driver = reopen(files.afterKill(), clock, onRestart);
    assert.is(driver.nowMs, downMs);
    const expired = driver.acquire('chat/0', 'somebody else', 1000);
    const live = driver.acquire('chat/1499', 'somebody else', 1000);
    driver.settle();
    assert.is(expired.answer.status, mail.STATUS_OK);
    assert.equal(
      [live.answer.status, live.answer.expiresAtMs],
      [mail.STATUS_HELD, leases.get('chat/1499')?.expiresAtMs],
    );
  }
});

test('an empty shard is opened in every mode, over and over', () => {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  for (const onRestart of ['extend-by-downtime', 'full-ttl', 'keep-deadlines', 'extend-by-downtime'] as const) {
    const driver = reopen(files, clock, onRestart);
    assert.is(driver.leases().size, 0);
    clock.advance(1000);
    driver.close();
  }
});

test.run();
