// timeout: 1800s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import type { Durability } from '../../src/lease.js';
import { scaled, seed } from '../support/env.js';
import { CrashError, FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, makeShardDirectory, ShardDriver } from '../support/shard-driver.js';
import { ShardHistory, SMALL, type State } from '../support/shard-history.js';
import { Random } from '../support/tree-random.js';

/*
 * A power cut before every step of random histories of a shard, and disks that each may leave. What a fresh shard then
 * recovers must be exactly what readers saw at some LSN, at or after the last that the disk had promised, and no token
 * may ever be handed out twice. The recovery is cut off at each of its own steps in turn.
 */

const ACTS = 40;

/** The disk just before one step, and what had been promised by then. */
interface Moment {
  readonly step: number;
  readonly disk: FaultFileSystem;
  readonly wall: number;
  readonly durableLsn: number;
  readonly tokenMax: number;
}

/** What every LSN looked like. */
type States = ReadonlyMap<number, State>;

function record(durability: Durability, historySeed: number): { states: States; moments: readonly Moment[] } {
  const files = new FaultFileSystem();
  makeShardDirectory(files);
  const moments: Moment[] = [];
  let history: ShardHistory | undefined;
  files.beforeStep = () => {
    moments.push({
      step: files.steps + 1,
      disk: files.afterKill(),
      wall: (history?.clock ?? new HandClock()).wall,
      durableLsn: Math.max(history?.durableLsn ?? 0, history?.driver?.durableLsn ?? 0),
      tokenMax: Math.max(history?.tokenMax ?? 0, history?.driver?.published.token ?? 0),
    });
  };
  history = new ShardHistory({ durability, random: new Random(historySeed), files });
  for (let i = 0; i < ACTS; i++) history.act();
  return { states: history.states, moments };
}

/** Recovers a disk, which changes nothing on it, and checks what came back. Starting is left to the caller. */
function recover(states: States, moment: Moment, disk: FaultFileSystem, setBack: boolean) {
  const clock = new HandClock();
  clock.wall = moment.wall - (setBack ? 3_600_000 : 0);
  const driver = new ShardDriver({ files: disk, clock, ...SMALL });
  const before = disk.digest();
  const found = driver.recover();
  assert.is(disk.digest(), before, 'recovery changes nothing before the shard starts');
  assert.ok(found.lsn >= moment.durableLsn, `LSN ${moment.durableLsn} was promised, ${found.lsn} is the last`);
  const state = found.lsn === 0 ? EMPTY : states.get(found.lsn);
  assert.ok(state, `LSN ${found.lsn} is the end of some commit`);
  assert.ok(
    found.lastStoreMs >= state.storeMs,
    `${found.lastStoreMs} >= ${state.storeMs}: what had expired stays expired`,
  );
  return { driver, found, state };
}

const EMPTY: State = { leases: new Map(), storeMs: 0 };

function expectRecovers(states: States, moment: Moment, disk: FaultFileSystem, setBack: boolean): void {
  const { driver, found, state } = recover(states, moment, disk, setBack);
  driver.start(found);
  assert.equal(driver.leases(), state.leases);
  expectTokensRise(driver, state, moment.tokenMax);
  const leases = driver.leases();
  const again = new ShardDriver({ files: disk.afterKill(), clock: driver.options.clock, ...SMALL });
  again.start(again.recover());
  assert.equal(again.leases(), leases, 'recovering again gives the same');
}

/** Whoever holds a lease still does; a free key is granted above all that was ever handed out. */
function expectTokensRise(driver: ShardDriver, { leases }: State, tokenMax: number): void {
  const calls = [...leases.keys(), 'zoo/1'].map((key) => ({ key, call: driver.acquire(key, 'somebody else', 1000) }));
  driver.settle();
  for (const { key, call } of calls) {
    const { status, token, owner } = call.answer;
    const lease = leases.get(key);
    const holder = lease !== undefined && lease.expiresAtMs > driver.nowMs ? lease : undefined;
    if (holder !== undefined) {
      assert.equal([status, owner, token], [mail.STATUS_HELD, holder.owner, holder.token], key);
    } else {
      assert.is(status, mail.STATUS_OK, key);
      assert.ok(token > tokenMax, `${key} gets ${token}, ${tokenMax} was handed out before`);
    }
  }
}

/** Cuts the recovery of a disk off at each of its steps; answers how many there were. */
function expectSecondCrashes(states: States, moment: Moment, disk: FaultFileSystem, limit: number): number {
  const { found, state } = recover(states, moment, disk.afterKill(), false);
  // The opening logs one record, and nothing that was found may be lost again.
  const own = new Map([found.lsn, found.lsn + 1].map((lsn) => [lsn, state]));
  const then = { ...moment, durableLsn: found.lsn };
  for (let step = 1; ; step++) {
    const cut = disk.afterKill();
    cut.crashAt(step);
    if (startsWithoutCrash(states, moment, cut)) return step - 1;
    for (const image of cut.images(seed + step, limit)) {
      try {
        expectRecovers(own, then, image, step % 2 === 0);
      } catch (error) {
        throw located(`second crash at step ${step} of the recovery`, error);
      }
    }
  }
}

function startsWithoutCrash(states: States, moment: Moment, disk: FaultFileSystem): boolean {
  try {
    const { driver, found } = recover(states, moment, disk, false);
    driver.start(found);
    return true;
  } catch (error) {
    if (isCrash(error)) return false;
    throw error;
  }
}

function isCrash(error: unknown): boolean {
  return error instanceof CrashError || (error instanceof Error && error.cause instanceof CrashError);
}

function located(where: string, cause: unknown): Error {
  return new Error(`${where}: ${cause instanceof Error ? (cause.stack ?? cause.message) : cause}`, { cause });
}

for (const durability of ['written', 'synced'] as const) {
  test(`a power cut at any step of a '${durability}' shard's life loses no promise and repeats no token`, () => {
    let images = 0;
    let secondCrashes = 0;
    for (let n = 0; n < scaled(3, 40); n++) {
      const historySeed = seed + n;
      const { states, moments } = record(durability, historySeed);
      for (const moment of moments) {
        for (const image of moment.disk.images(historySeed + moment.step, scaled(3, 40))) {
          const where = `seed ${historySeed}, step ${moment.step}, image ${image.digest().slice(0, 8)}`;
          try {
            if (images++ % 40 === 0) {
              secondCrashes += expectSecondCrashes(states, moment, image.afterKill(), scaled(2, 4));
            }
            expectRecovers(states, moment, image, images % 2 === 0);
          } catch (error) {
            throw located(where, error);
          }
        }
      }
    }
    assert.ok(images > scaled(250, 20_000), `${images} images`);
    assert.ok(secondCrashes > scaled(30, 5000), `${secondCrashes} crashes of a recovery`);
  });
}

test.run();
