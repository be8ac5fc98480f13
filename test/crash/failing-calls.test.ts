// timeout: 1800s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaseStoreError } from '../../src/errors.js';
import type { Durability } from '../../src/lease.js';
import { scaled, seed } from '../support/env.js';
import { type Fault, FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, SHARD_DIRECTORY, ShardDriver } from '../support/shard-driver.js';
import { ShardHistory, SMALL } from '../support/shard-history.js';
import { Random } from '../support/tree-random.js';

/*
 * Any call to the file system fails once or twice. Whatever it was, and however far it came: what depends on it fails
 * with a typed error that says whether it may have happened, everything else goes on or is there after a reopening, and
 * a power cut afterwards takes nothing back that was promised.
 */

const CODES = ['EIO', 'ENOSPC', 'EDQUOT', 'EMFILE'] as const;
const ACTS = 40;

/** One life of a shard with a fault in it, and every disk that a power cut at its end may leave. Whether it fired. */
function live(durability: Durability, random: Random, fault: Fault): boolean {
  const files = new FaultFileSystem();
  const history = new ShardHistory({ durability, random, files });
  files.inject(fault);
  for (let i = 0; i < ACTS; i++) history.act();
  files.clearFaults();
  const { clock, states, driver } = history;
  const durableLsn = Math.max(history.durableLsn, driver.durableLsn);
  for (const image of files.images(random.u32(), 5)) {
    const again = new ShardDriver({ files: image, clock, durability, ...SMALL });
    const found = again.recover();
    assert.ok(found.lsn >= durableLsn, `LSN ${durableLsn} was promised, ${found.lsn} is the last`);
    again.start(found);
    assert.equal(again.leases(), states.get(found.lsn)?.leases ?? new Map());
  }
  return files.failures > 0;
}

for (const durability of ['written', 'synced'] as const) {
  test(`any call to the file system fails in the life of a '${durability}' shard`, () => {
    let fired = 0;
    for (let n = 0; n < scaled(60, 10_000); n++) {
      const random = new Random(seed + n);
      const fault = {
        code: random.pick(CODES),
        nth: random.between(1, 300),
        times: random.between(1, 2),
        // A write that fails wrote less than all, and no frame with a record is that short.
        bytesWritten: random.below(60),
      };
      try {
        if (live(durability, random, fault)) fired++;
      } catch (error) {
        const { message, stack } = error as Error;
        throw new Error(`seed ${seed + n}, ${JSON.stringify(fault)}: ${message}\n${stack}`, { cause: error });
      }
    }
    assert.ok(fired > scaled(35, 6000), `${fired} faults`);
  });
}

/** A shard that was killed: two checkpoints of which the newer is damaged, segments, a torn end, a temporary file. */
function killedShard(): { disk: FaultFileSystem; clock: HandClock } {
  const disk = new FaultFileSystem();
  const clock = new HandClock();
  const driver = ShardDriver.open({ files: disk, clock, ...SMALL });
  for (let i = 0; i < 30; i++) {
    driver.answer(driver.acquire(`chat/${i}`, `n${i % 3}`, 600_000));
    driver.syncInBackground();
    if (i % 12 === 11) driver.checkpoint();
  }
  const named = (pattern: RegExp) => disk.list(SHARD_DIRECTORY).filter((name) => pattern.test(name));
  const spoil = (name: string, at: (size: number) => number) => {
    const file = disk.open(`${SHARD_DIRECTORY}/${name}`, 'write');
    file.write(Uint8Array.of(1, 2, 3), 0, 3, at(file.size()));
    file.close();
  };
  spoil(named(/\.ckpt$/)[1], (size) => size >>> 1);
  spoil(named(/^wal-/).at(-1) as string, (size) => size);
  disk.open(`${SHARD_DIRECTORY}/checkpoint-0000000000000999.ckpt.tmp`, 'create').close();
  return { disk, clock };
}

test('any call of an opening fails: it says so, and the next opening finds everything', () => {
  const { disk, clock } = killedShard();
  const leases = ShardDriver.open({ files: disk.afterKill(), clock, ...SMALL }).leases();
  assert.is(leases.size, 30);
  const expectAll = (files: FaultFileSystem, where: string) =>
    assert.equal(ShardDriver.open({ files, clock, ...SMALL }).leases(), leases, where);
  for (const code of CODES) {
    let refused = 0;
    for (let nth = 1; ; nth++) {
      const where = `${code} at call ${nth}`;
      const files = disk.afterKill();
      const before = files.digest();
      files.inject({ code, nth });
      const driver = new ShardDriver({ files, clock, ...SMALL });
      let recovered = false;
      try {
        const found = driver.recover();
        recovered = true;
        driver.start(found);
      } catch (error) {
        const isTyped = error instanceof LeaseStoreError && /_(IO|DISK_FULL|READ_ONLY)$/.test(error.code);
        if (!isTyped) throw new Error(`${where}: ${(error as Error).stack}`, { cause: error });
        refused++;
        if (!recovered) {
          assert.is(files.digest(), before, `${where}: nothing is changed before all was found good`);
          assert.is(files.openFiles, 0, `${where}: no descriptor is left`);
        }
      }
      const { failures } = files;
      files.clearFaults();
      for (const image of files.images(seed + nth, scaled(3, 20))) expectAll(image, where);
      expectAll(files, where);
      if (failures === 0) break;
    }
    assert.ok(refused > 30, `${refused} openings failed of ${code}`);
  }
});

test.run();
