import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import { setU53 } from '../../native-layout/lease-record.js';
import { BIRTH, COUNT } from '../../native-layout/node.js';
import {
  COMMIT_SLOTS,
  commitSlotIndex,
  ROW_HIGH,
  ROW_PINS,
  rowIndex,
  SLOT_COMMIT,
  SLOT_LEASES,
  SLOT_NAMES,
  SLOT_OWNERS,
} from '../../native-layout/shard-control.js';
import { readCommit } from '../../src/memory/control.js';
import { claimRow, PinRow } from '../../src/memory/pins.js';
import { AT } from '../../src/metrics/counters.js';
import { checkCommit } from '../../src/recovery/check.js';
import { NodeSet } from '../../src/memory/node-set.js';
import { scaled, seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, type Pending, ShardDriver, ThreadDeath } from '../support/shard-driver.js';
import { type StoredLease, storedLeases } from '../support/stored-leases.js';
import { Random } from '../support/tree-random.js';

const TTL_MS = 3_600_000;
const MEMORY = { memoryBytes: 1 << 23, sweepIntervalMs: 3_600_000 };

function opened(): { driver: ShardDriver; clock: HandClock; files: FaultFileSystem } {
  const files = new FaultFileSystem();
  const clock = new HandClock();
  return { driver: ShardDriver.open({ files, clock, ...MEMORY }), clock, files };
}

/** A group of requests of all kinds on some hundred keys. */
function postGroup(driver: ShardDriver, random: Random, tokens: Map<string, number>): Map<string, Pending[]> {
  const posted = new Map<string, Pending[]>();
  for (let i = 0; i < 20; i++) {
    const key = `chat/${random.below(150)}`;
    const token = tokens.get(key);
    const kind = random.below(3);
    const value = random.below(4) === 0 ? 'v'.repeat(random.below(3000)) : undefined;
    const as = value === undefined ? {} : { value };
    const pending =
      token === undefined || kind === 0
        ? driver.acquire(key, `node-${random.below(3)}`, TTL_MS, as)
        : kind === 1
          ? driver.renew(key, token, as)
          : driver.release(key, token);
    posted.set(key, [...(posted.get(key) ?? []), pending]);
  }
  return posted;
}

function tokensOf(leases: Map<string, StoredLease>): Map<string, number> {
  return new Map([...leases].map(([key, { token }]) => [key, token]));
}

/** Nodes in use are those of the published commit and what the writer still keeps for readers; none got lost. */
function expectNoLostNode(driver: ShardDriver): void {
  const reached = new NodeSet();
  let live = 0;
  checkCommit(driver.slabs, driver.published, (id) => {
    live++;
    return reached.add(id);
  });
  const { doubles } = driver.control;
  assert.is(doubles[AT.nodesAllocated] - doubles[AT.nodesRetired], live);
}

test('a thread that dies anywhere in a commit leaves all of it or nothing, and everything before', () => {
  const random = new Random(seed);
  const { driver, clock, files } = opened();
  let deaths = 0;
  let kept = 0;
  for (let round = 0; round < scaled(120, 1500); round++) {
    const before = driver.leases();
    postGroup(driver, random, tokensOf(before));
    clock.advance(1);
    clock.looksUntilDeath = 1 + (round % 8);
    try {
      driver.step();
    } catch (error) {
      assert.instance(error, ThreadDeath);
      deaths++;
    }
    clock.looksUntilDeath = Number.POSITIVE_INFINITY;
    const seen = driver.leases();
    const highest = driver.control.doubles[AT.tokenHigh];
    driver.replace();
    const after = driver.leases();
    // Readers saw whole commits; the new thread may add the one that was logged and not yet published.
    const logged = JSON.stringify([...seen]) === JSON.stringify([...after]);
    if (!logged) assert.equal(seen, before);
    else kept++;
    const token = driver.answer(driver.acquire(`new/${round}`, 'node-9', TTL_MS)).token;
    assert.ok(token > highest, 'tokens rise');
    for (const lease of after.values()) assert.ok(token > lease.token);
    expectNoLostNode(driver);
  }
  assert.ok(deaths > 20, `${deaths} deaths`);
  assert.ok(kept > 0);
  const found = driver.leases();
  driver.close();
  const reopened = ShardDriver.open({ files, clock, ...MEMORY });
  assert.equal(reopened.leases(), found, 'the disk has it all');
});

test('what was answered is there after the thread died', () => {
  const random = new Random(seed + 1);
  const { driver, clock } = opened();
  const tokens = new Map<string, number>();
  for (let round = 0; round < scaled(60, 600); round++) {
    for (const [key, [pending]] of postGroup(driver, random, tokens)) {
      const { status, token } = driver.answer(pending);
      const stored = driver.leases().get(key);
      if (status === mail.STATUS_OK && stored !== undefined) tokens.set(key, stored.token);
      else if (stored === undefined) tokens.delete(key);
      if (status === mail.STATUS_OK && token !== 0 && stored !== undefined) assert.ok(stored.token >= token);
    }
    const acknowledged = driver.leases();
    postGroup(driver, random, tokens);
    clock.looksUntilDeath = 1;
    assert.throws(
      () => driver.step(),
      (error: unknown) => error instanceof ThreadDeath,
    );
    driver.replace();
    assert.equal(driver.leases(), acknowledged, 'the group that died before its frame was written left nothing');
  }
});

test('snapshots that were pinned before a death stay as they were, and their nodes come back once they are let go', () => {
  const random = new Random(seed + 2);
  const { driver, clock } = opened();
  const row = claimRow([driver.control]);
  const pins = new PinRow(driver.control, row);
  const snapshots: { pin: number; leases: Map<string, StoredLease> }[] = [];
  for (let round = 0; round < 12; round++) {
    postGroup(driver, random, tokensOf(driver.leases()));
    driver.settle();
    snapshots.push({ pin: pins.acquire(), leases: driver.leases() });
    postGroup(driver, random, tokensOf(driver.leases()));
    clock.looksUntilDeath = 3;
    assert.throws(() => driver.settle());
    driver.replace();
    for (let churn = 0; churn < 5; churn++) {
      postGroup(driver, random, tokensOf(driver.leases()));
      driver.settle();
    }
    for (const { pin, leases } of snapshots) {
      assert.equal(storedLeases(driver.slabs, readCommit(driver.control, pins.slot(pin))), leases);
    }
    if (round % 3 === 2) for (const { pin } of snapshots.splice(0, 2)) pins.release(pin);
  }
  for (const { pin } of snapshots) pins.release(pin);
  for (let churn = 0; churn < 60; churn++) {
    postGroup(driver, random, tokensOf(driver.leases()));
    driver.settle();
  }
  expectNoLostNode(driver);
  assert.ok(driver.control.doubles[AT.nodesRetired] < 200, 'nothing is kept for readers that are gone');
});

/** A reader that lost its core before it could see that its pin came too late. */
function pinLate(driver: ShardDriver, slot: number): { letGo: () => void } {
  const row = rowIndex(claimRow([driver.control]));
  driver.control.signed[row + ROW_HIGH] = 1;
  driver.control.signed[row + ROW_PINS] = slot + 1;
  return {
    letGo: () => {
      driver.control.signed[row + ROW_PINS] = 0;
    },
  };
}

test('a pin that came too late, on a slot that the dead thread was filling, holds nothing', () => {
  const { driver } = opened();
  for (let i = 0; i < 300; i++) driver.acquire(`chat/${i}`, 'node-1', TTL_MS);
  driver.settle();
  const before = driver.leases();
  const slot = (driver.control.current + 1) % COMMIT_SLOTS;
  const at = commitSlotIndex(slot);
  setU53(driver.control.words, at + SLOT_COMMIT, driver.published.commit + 1);
  for (const root of [SLOT_LEASES, SLOT_OWNERS, SLOT_NAMES]) driver.control.words[at + root] = 0xfffffff0;
  pinLate(driver, slot);
  driver.replace();
  assert.equal(driver.leases(), before);
  expectNoLostNode(driver);
});

test('a pin that came too late, on a commit whose nodes are in other hands, holds those of them that still are its own', () => {
  const { driver } = opened();
  for (let i = 0; i < 300; i++) driver.acquire(`chat/${i}`, 'node-1', TTL_MS, { value: 'v'.repeat(50) });
  driver.settle();
  const old = driver.control.current;
  const { leases: oldRoot } = driver.published;
  for (const [key, { token }] of driver.leases()) driver.renew(key, token);
  driver.settle();
  assert.is.not(driver.published.leases, oldRoot);
  // The dead thread had the root in its hands.
  const words = driver.slabs.words[oldRoot >>> driver.slabs.shift];
  const at = (oldRoot & driver.slabs.mask) * driver.slabs.nodeWords;
  setU53(words, at + BIRTH, driver.published.commit + 1);
  words[at + COUNT] = 0xffffffff;
  const late = pinLate(driver, old);
  const before = driver.leases();
  driver.replace();
  assert.equal(driver.leases(), before);
  late.letGo();
  for (let round = 0; round < 5; round++) {
    for (const [key, { token }] of driver.leases()) driver.renew(key, token);
    driver.settle();
  }
  expectNoLostNode(driver);
  assert.ok(driver.control.doubles[AT.nodesRetired] < 100);
});

test('replacing a thread does not move tokens ahead of the clock, however often it happens', () => {
  const { driver, clock } = opened();
  for (let round = 0; round < 20; round++) {
    clock.advance(1);
    driver.answer(driver.acquire(`chat/${round}`, 'node-1', TTL_MS));
    driver.replace();
  }
  const { token } = driver.answer(driver.acquire('chat/last', 'node-1', TTL_MS));
  assert.ok(token <= (driver.nowMs + 100) * 1000, `${token / 1000 - driver.nowMs} ms ahead`);
});

test('a full disk stands in the way of a takeover only while it is full', () => {
  const { driver, files } = opened();
  driver.answer(driver.acquire('chat/1', 'node-1', TTL_MS));
  const { openFiles } = files;
  files.inject({ code: 'ENOSPC', operation: 'write', times: 3 });
  for (let tries = 0; tries < 3; tries++) {
    assert.throws(
      () => driver.replace(),
      (error: { code?: string }) => error.code === 'ERR_HOLDFAST_DISK_FULL',
    );
  }
  driver.replace();
  assert.ok(driver.leases().has('chat/1'));
  assert.is(driver.answer(driver.acquire('chat/2', 'node-1', TTL_MS)).status, mail.STATUS_OK);
  assert.is(files.openFiles, openFiles + 1, 'only the first thread, which was not told, left its log open');
});

test('requests that the dead thread had not taken are never carried out', () => {
  const { driver } = opened();
  driver.answer(driver.acquire('chat/1', 'node-1', TTL_MS));
  const { token } = driver.leases().get('chat/1') as StoredLease;
  const lost = driver.release('chat/1', token);
  driver.mailbox.send();
  const unsent = driver.release('chat/1', token);
  driver.replace();
  const kept = driver.renew('chat/1', token);
  assert.is(driver.answer(kept).status, mail.STATUS_OK);
  assert.not.ok(lost.done || unsent.done);
  assert.ok(driver.leases().has('chat/1'));
});

test('what is posted while there is no thread waits for the next one', () => {
  const { driver } = opened();
  driver.mailbox.hold(driver.calls);
  const early = driver.acquire('chat/1', 'node-1', TTL_MS);
  driver.mailbox.send();
  assert.not.ok(driver.shard.step());
  driver.mailbox.resume();
  assert.is(driver.answer(early).status, mail.STATUS_OK);
});

test('memory that does not hold together is not taken over', () => {
  const { driver } = opened();
  for (let i = 0; i < 200; i++) driver.acquire(`chat/${i}`, 'node-1', TTL_MS);
  driver.settle();
  const { leases } = driver.published;
  const words = driver.slabs.words[leases >>> driver.slabs.shift];
  const at = (leases & driver.slabs.mask) * driver.slabs.nodeWords;
  words[at + COUNT] += 1;
  assert.throws(
    () => driver.replace(),
    (error: { code: string; message: string }) =>
      error.code === 'ERR_HOLDFAST_CORRUPT' && /open it again/.test(error.message),
  );
});

test.run();
