// timeout: 600s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FileSystem } from '../../src/io/file-system.js';
import { isDiskFull } from '../../src/io/io-error.js';
import type { WalScan } from '../../src/wal/reader.js';
import { dropSegmentsBelow, settleLog } from '../../src/wal/settle.js';
import { scaled, seed } from '../support/env.js';
import { CrashError, FaultFileSystem } from '../support/fault-file-system.js';
import { Random } from '../support/tree-random.js';
import { LogFixture, replayLog } from './log-fixture.js';
import type { LogRecord } from './log-records.js';

/*
 * Power cuts at every step of random histories, and every disk that each may leave. What recovery finds must be what was
 * written, up to some record at or after the last that was known to be durable; never corruption, for nothing rotted.
 */

const DIRECTORY = '/shard';

interface History {
  readonly log: LogFixture;
  /** A checkpoint holds the records up to here. */
  cutLsn: number;
}

function start(files: FileSystem): History {
  files.makeDirectory(DIRECTORY);
  files.syncDirectory('/');
  return { log: new LogFixture(files, DIRECTORY), cutLsn: 0 };
}

/** Does something that a shard does. */
function act(history: History, random: Random): void {
  const { log } = history;
  const { writer } = log;
  switch (random.below(10)) {
    case 0:
      log.sync();
      log.roll();
      return;
    case 1:
      log.sync();
      log.append(0);
      log.sync();
      return;
    case 2:
    case 3:
      log.sync();
      return;
    case 4:
      history.cutLsn = random.between(history.cutLsn, writer.durableLsn);
      dropSegmentsBelow(log.files, DIRECTORY, history.cutLsn);
      return;
    case 5:
      failToAppend(history, random);
      return;
    default:
      log.append(random.between(0, 4));
  }
}

/** The disk fills in the middle of a frame, which is taken back. The shortest frame of three of these records has 148 bytes. */
function failToAppend({ log }: History, random: Random): void {
  const files = log.files as FaultFileSystem;
  files.inject({ code: 'ENOSPC', operation: 'write', bytesWritten: random.below(148) });
  try {
    log.append(3);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
  files.clearFaults();
}

/** Recovers and reads again; answers the records that the crash left. */
function recover(files: FileSystem, cutLsn: number): { found: LogRecord[]; scan: WalScan } {
  const { scan, heard } = replayLog(files, DIRECTORY, cutLsn);
  settleLog(files, DIRECTORY, scan);
  const settled = replayLog(files, DIRECTORY, cutLsn);
  assert.is(settled.scan.torn, undefined);
  assert.equal(settled.heard.records, heard.records);
  return { found: heard.records, scan };
}

function expectPrefix({ cutLsn, log }: History, files: FileSystem, where: string): WalScan {
  const written = log.records;
  const { durableLsn } = log.writer;
  const { found, scan } = recover(files, cutLsn);
  const { lastLsn } = scan;
  assert.ok(lastLsn >= durableLsn, `${where}: LSN ${durableLsn} was durable, ${lastLsn} is the last found`);
  assert.ok(lastLsn <= written.length, `${where}: found ${lastLsn} of ${written.length}`);
  assert.equal(found, written.slice(cutLsn, lastLsn), where);
  return scan;
}

/** A crash while a failed write is taken back shows only at the writer's next call. */
function isCrash(error: unknown): boolean {
  return error instanceof CrashError || (error instanceof Error && error.cause instanceof CrashError);
}

/** Runs a new history until the crash, if it gets that far. */
function runUntil(step: number, historySeed: number, acts: number): History | undefined {
  const history = start(new FaultFileSystem());
  return crashes(history, step, new Random(historySeed), acts) ? history : undefined;
}

function crashes(history: History, step: number, random: Random, acts: number): boolean {
  const files = history.log.files as FaultFileSystem;
  files.crashAt(files.steps + step);
  try {
    for (let i = 0; i < acts; i++) act(history, random);
  } catch (error) {
    if (isCrash(error)) return true;
    throw error;
  }
  return false;
}

/** Goes on where a recovery ended, as a store that was opened again. */
function goOn({ cutLsn, log }: History, files: FileSystem, scan: WalScan): History {
  const { lastLsn } = scan;
  const next = new LogFixture(files, DIRECTORY, {
    segmentId: scan.lastSegmentId + 1,
    epoch: scan.lastEpoch + 1,
    lastLsn,
  });
  next.records.push(...log.records.slice(0, lastLsn));
  return { log: next, cutLsn };
}

test('a power cut at any step leaves a log that recovers to what was durable, or more of what was written', () => {
  let cuts = 0;
  let changed = 0;
  for (let n = 0; n < scaled(12, 400); n++) {
    for (let step = 1; ; step++) {
      const history = runUntil(step, seed + n, 25);
      if (history === undefined) break;
      const files = history.log.files as FaultFileSystem;
      for (const image of files.images(seed + step, scaled(12, 60))) {
        const before = image.digest();
        const where = `seed ${seed + n}, step ${step}, image ${before.slice(0, 8)}`;
        expectPrefix(history, image, where);
        if (image.digest() !== before) changed++;
        cuts++;
      }
    }
  }
  assert.ok(cuts > scaled(2000, 200_000), `${cuts} power cuts`);
  assert.ok(changed > 100, `${changed} of them left something to settle`);
});

test('a second power cut, while the first is recovered from, changes nothing', () => {
  let cuts = 0;
  for (let n = 0; n < scaled(10, 200); n++) {
    const random = new Random(seed + 7919 * n);
    const history = runUntil(random.between(5, 40), seed + n, 40);
    if (history === undefined) continue;
    for (const image of (history.log.files as FaultFileSystem).images(seed, 8)) {
      for (let step = 1; ; step++) {
        const again = image.afterKill();
        again.crashAt(step);
        if (settles(again, history.cutLsn)) break;
        for (const second of again.images(seed + step, 8)) {
          expectPrefix(history, second, `history ${n}, second crash at step ${step}`);
          cuts++;
        }
      }
    }
  }
  assert.ok(cuts > 100, `${cuts} power cuts`);
});

test('many lives: each recovers from the power cut or kill that ended the one before, and goes on', () => {
  let lives = 0;
  for (let n = 0; n < scaled(40, 4000); n++) {
    const random = new Random(seed + 104729 * n);
    let history = start(new FaultFileSystem());
    for (let life = 0; life < 8; life++) {
      if (!crashes(history, random.between(1, 40), random, 60)) break;
      const files = history.log.files as FaultFileSystem;
      const image = random.chance(0.4) ? files.afterKill() : random.pick([...files.images(random.u32(), 6)]);
      const scan = expectPrefix(history, image, `history ${n}, life ${life}`);
      history = goOn(history, image, scan);
      lives++;
    }
  }
  assert.ok(lives > 100, `${lives} lives`);
});

function settles(files: FileSystem, cutLsn: number): boolean {
  try {
    settleLog(files, DIRECTORY, replayLog(files, DIRECTORY, cutLsn).scan);
    return true;
  } catch (error) {
    if (isCrash(error)) return false;
    throw error;
  }
}

test.run();
