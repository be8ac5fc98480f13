// timeout: 1800s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import { LeaseStoreError } from '../../src/errors.js';
import { listGenerations, readManifest, shardDirectory } from '../../src/manifest.js';
import { long, scaled, seed } from '../support/env.js';
import { CrashError, type Fault, FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock } from '../support/shard-driver.js';
import { STORE_DIRECTORY, StoreDriver, type StoreDriverOptions } from '../support/store-driver.js';
import type { StoredLease } from '../support/stored-leases.js';
import { Random } from '../support/tree-random.js';

/*
 * A store that is given another number of shards, with a power cut or a fault at every step of it, and disks that each
 * may leave: whoever opens it next, with whatever count, finds every lease as it was, and gets no token twice.
 */

const SHARDS = 3;
const SMALL = { memoryBytes: 1 << 19, ringBytes: 1 << 14, segmentBytesMax: 1500, sweepIntervalMs: 3_600_000 };

interface Store {
  readonly disk: FaultFileSystem;
  readonly wall: number;
  readonly leases: ReadonlyMap<string, StoredLease>;
  readonly tokenMax: number;
}

function clockAt(wall: number): HandClock {
  const clock = new HandClock();
  clock.wall = wall;
  return clock;
}

function open(store: Store, disk: FaultFileSystem, shards: number | undefined, setBack = false): StoreDriver {
  const clock = clockAt(store.wall - (setBack ? 3_600_000 : 0));
  const options: StoreDriverOptions = { files: disk, clock, durability: 'synced', ...SMALL, shards };
  return StoreDriver.open(options);
}

/** Leases of all kinds: expired, renewed, taken over, with small and large values; logs and checkpoints; all on the disk. */
function makeStore(how: 'closed' | 'killed'): Store {
  const disk = new FaultFileSystem();
  disk.makeDirectory(STORE_DIRECTORY);
  disk.syncDirectory('/');
  const clock = new HandClock();
  const random = new Random(seed);
  const driver = StoreDriver.open({ files: disk, clock, durability: 'synced', ...SMALL, shards: SHARDS });
  for (let i = 0; i < 40; i++) {
    const key = i % 2 === 0 ? `chat/${i}` : `a longer type/5f0c0d9e-3b86-4b0c-9f0e-0d7a3c1f2a${i + 10}`;
    const value = 'v'.repeat(random.pick([0, 3, 200, 900, 3000]));
    const shard = driver.shardOf(key);
    const ttlMs = i % 5 === 0 ? 50 : 600_000 + i;
    const { token } = shard.answer(shard.acquire(key, `owner-${i % 7}`, ttlMs, i % 3 === 0 ? { value } : {}));
    if (i % 4 === 0) shard.answer(shard.renew(key, token, { ttlMs: ttlMs + 1 }));
    if (i % 6 === 1) shard.answer(shard.acquire(key, `owner-${i % 7}`, ttlMs));
    if (i % 9 === 2) shard.answer(shard.release(key, token));
    clock.advance(10);
    driver.settle();
    if (i === 20) for (const each of driver.shards.slice(0, 2)) each.checkpoint();
  }
  const leases = driver.leases();
  const tokenMax = Math.max(...driver.shards.map(({ published }) => published.token));
  if (how === 'closed') driver.close();
  assert.ok(leases.size > 30 && [...leases.values()].some(({ expiresAtMs }) => expiresAtMs <= clock.wall));
  return { disk, wall: clock.wall, leases, tokenMax };
}

/** Opened with `shards`, the disk has all leases; whoever holds one still does, and a free key gets a token above all. */
function expectAllThere(store: Store, disk: FaultFileSystem, shards: number | undefined, setBack: boolean): void {
  const driver = open(store, disk, shards, setBack);
  assert.equal(driver.leases(), new Map([...store.leases].sort(([a], [b]) => (a < b ? -1 : 1))));
  if (shards !== undefined) assert.is(driver.manifest.shards, shards);
  assert.equal(listGenerations(disk, STORE_DIRECTORY), [driver.manifest.generation], 'one generation is left');
  for (const key of [...store.leases.keys(), 'zoo/1', 'zoo/2', 'zoo/3']) {
    const shard = driver.shardOf(key);
    const { status, token, owner } = shard.answer(shard.acquire(key, 'somebody else', 1000));
    const lease = store.leases.get(key);
    if (lease !== undefined && lease.expiresAtMs > shard.nowMs) {
      assert.equal([status, owner, token], [mail.STATUS_HELD, lease.owner, lease.token], key);
    } else {
      assert.is(status, mail.STATUS_OK, key);
      assert.ok(token > store.tokenMax, `${key} gets ${token}, ${store.tokenMax} was handed out before`);
    }
  }
}

function isCrash(error: unknown): boolean {
  return error instanceof CrashError || (error instanceof Error && error.cause instanceof CrashError);
}

function located(where: string, cause: unknown): Error {
  return new Error(`${where}: ${cause instanceof Error ? (cause.stack ?? cause.message) : cause}`, { cause });
}

/** Every disk that a power cut during an opening of `from` with `shards` may leave; answers how many steps it took. */
function forEachCut(
  store: Store,
  from: FaultFileSystem,
  shards: number,
  limit: number,
  check: (image: FaultFileSystem, step: number) => void,
): number {
  for (let step = 1; ; step++) {
    const cut = from.afterKill();
    cut.crashAt(step);
    try {
      open(store, cut, shards);
      return step - 1;
    } catch (error) {
      if (!isCrash(error)) throw error;
    }
    // A kill leaves what the page cache has; a power cut any of these.
    for (const image of [cut.afterKill(), ...cut.images(seed + step, limit)]) {
      try {
        check(image, step);
      } catch (error) {
        throw located(`to ${shards} shards, step ${step}, image ${image.digest().slice(0, 8)} (seed ${seed})`, error);
      }
    }
  }
}

for (const [how, counts] of [
  ['closed', [2]],
  ['killed', [1, 4]],
] as const) {
  test(`a power cut at any step of resharding a ${how} store changes no lease and repeats no token`, () => {
    const store = makeStore(how);
    let images = 0;
    let second = 0;
    const generations = new Set<number>();
    for (const shards of long ? [1, 2, 5] : counts) {
      const steps = forEachCut(store, store.disk, shards, scaled(2, 60), (image, step) => {
        generations.add(readManifest(image, STORE_DIRECTORY)?.generation ?? 0);
        const then = [undefined, shards, SHARDS, 4][images++ % 4];
        if (images % scaled(50, 15) === 0) {
          forEachCut(store, image, then ?? shards, scaled(1, 4), (again) => {
            expectAllThere(store, again, [undefined, shards][second++ % 2], second % 3 === 0);
          });
        }
        expectAllThere(store, image, then, step % 2 === 0);
      });
      assert.ok(steps > 20, `${steps} steps`);
    }
    assert.equal([...generations].sort(), [1, 2], 'before the switch and after it');
    assert.ok(images > scaled(80, 5000) && second > scaled(40, 5000), `${images} images, ${second} after two cuts`);
  });
}

/** Opens with a fault on the way, which must end in a typed error or not matter, and then without it. */
function expectSurvives(
  store: Store,
  disk: FaultFileSystem,
  shards: number,
  what: string,
): LeaseStoreError | undefined {
  let failure: LeaseStoreError | undefined;
  try {
    open(store, disk, shards);
  } catch (error) {
    if (!(error instanceof LeaseStoreError)) throw located(what, error);
    failure = error;
  }
  disk.clearFaults();
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  for (const image of [disk.afterKill(), ...disk.images(seed, scaled(2, 10))]) {
    try {
      expectAllThere(store, image, undefined, false);
    } catch (error) {
      throw located(`${what}, which gave ${failure}`, error);
    }
  }
  return failure;
}

test('an error of the file system at any call leaves all leases, in the old generation or the new one', () => {
  const store = makeStore('closed');
  const operations = ['open', 'read', 'write', 'fsync', 'fdatasync', 'rename', 'mkdir', 'unlink', 'list'] as const;
  let failures = 0;
  for (const operation of [...operations, 'syncDirectory'] as const) {
    const random = new Random(seed);
    for (let nth = 1, failed = true; failed; nth += scaled(random.between(1, 5), 1)) {
      const disk = store.disk.afterKill();
      const fault: Fault = { code: 'EIO', operation, nth };
      disk.inject(fault);
      const failure = expectSurvives(store, disk, 2, `EIO of ${operation} ${nth}`);
      failed = failure !== undefined;
      if (failure !== undefined) assert.is(failure.code, 'ERR_HOLDFAST_IO', failure.message);
      if (failed) failures++;
    }
  }
  assert.ok(failures > scaled(40, 150), `${failures} failures`);
});

test('a disk that fills up at any byte leaves the old generation whole, and nothing of the new one', () => {
  const store = makeStore('closed');
  const used = (disk: FaultFileSystem, path: string): number => {
    const stat = disk.stat(path);
    if (stat?.kind !== 'directory') return stat?.bytes ?? 0;
    return disk.list(path).reduce((sum, name) => sum + used(disk, `${path}/${name}`), 0);
  };
  const before = used(store.disk, '/');
  const random = new Random(seed);
  let refused = 0;
  for (let room = 0, fits = false; !fits; room += random.between(1, scaled(2000, 200))) {
    const disk = store.disk.afterKill();
    disk.capacityBytes = before + room;
    let failure: unknown;
    try {
      open(store, disk, 2);
      fits = true;
    } catch (error) {
      failure = error;
    }
    if (failure !== undefined && readManifest(disk, STORE_DIRECTORY)?.generation === 1) {
      refused++;
      assert.instance(failure, LeaseStoreError);
      const { code, message } = failure as LeaseStoreError;
      assert.is(code, 'ERR_HOLDFAST_DISK_FULL');
      assert.match(message, /2 shards instead of 3 failed: .*Nothing is lost/s);
      assert.equal(listGenerations(disk, STORE_DIRECTORY), [1], 'what was written of the new one is gone');
      assert.is(used(disk, '/'), before);
    }
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expectAllThere(store, disk, undefined, false);
  }
  assert.ok(refused > 5, `${refused} refused`);
});

test('a store that is damaged is not resharded, and nothing is changed', () => {
  const { disk, ...store } = makeStore('closed');
  for (let shard = 0; shard < SHARDS; shard++) {
    const directory = shardDirectory(STORE_DIRECTORY, 1, shard);
    for (const name of disk.list(directory).slice(-1)) {
      const damaged = disk.afterKill();
      const file = damaged.open(`${directory}/${name}`, 'write');
      file.write(Uint8Array.of(0xaa, 0xbb), 0, 2, 100);
      file.close();
      const before = damaged.digest();
      assert.throws(
        () => open({ disk, ...store }, damaged, 1),
        (error: LeaseStoreError) => error.code === 'ERR_HOLDFAST_CORRUPT',
      );
      assert.is(damaged.digest(), before);
    }
  }
});

test('a shard that was just resharded and loses its only checkpoint is corrupt, not empty', () => {
  const store = makeStore('closed');
  const disk = store.disk.afterKill();
  open(store, disk, 2).close();
  for (const damage of ['gone', 'cut short'] as const) {
    const damaged = disk.afterKill();
    const directory = shardDirectory(STORE_DIRECTORY, 2, 1);
    const [name] = damaged.list(directory).filter((file) => file.endsWith('.ckpt'));
    if (damage === 'gone') damaged.unlink(`${directory}/${name}`);
    else damaged.open(`${directory}/${name}`, 'write').truncate(500);
    const before = damaged.digest();
    for (const shards of [undefined, 1]) {
      assert.throws(
        () => open(store, damaged, shards),
        (error: LeaseStoreError) => error.code === 'ERR_HOLDFAST_CORRUPT',
        damage,
      );
    }
    assert.is(damaged.digest(), before);
  }
});

test('shards that are too small for the leases are refused, with the store as it was', () => {
  const store = makeStore('closed');
  const disk = store.disk.afterKill();
  const options = { files: disk, clock: clockAt(store.wall), ...SMALL };
  const before = disk.digest();
  let refused = 0;
  for (let memoryBytes = SMALL.memoryBytes; refused === 0; memoryBytes /= 2) {
    try {
      StoreDriver.open({ ...options, files: disk.afterKill(), memoryBytes, shards: 1 });
    } catch (error) {
      assert.is((error as LeaseStoreError).code, 'ERR_HOLDFAST_FULL');
      refused++;
    }
  }
  assert.is(disk.digest(), before);
});

test('from one count to another and back, no lease changes and tokens rise', () => {
  const store = makeStore('killed');
  const disk = store.disk.afterKill();
  let { tokenMax } = store;
  for (const [i, shards] of [1, 4, 64, 1, 256, 3].entries()) {
    const driver = open(store, disk, shards, i % 2 === 0);
    assert.is(driver.manifest.generation, i + 2);
    assert.equal(driver.leases(), new Map([...store.leases].sort(([a], [b]) => (a < b ? -1 : 1))));
    let highest = tokenMax;
    for (let n = 0; n < 20; n++) {
      const shard = driver.shardOf(`probe/${n}`);
      const { token } = shard.answer(shard.acquire(`probe/${n}`, 'probe', 1000));
      assert.ok(token > tokenMax, `${token} with ${shards} shards, ${tokenMax} before`);
      shard.answer(shard.release(`probe/${n}`, token));
      highest = Math.max(highest, token);
    }
    tokenMax = highest;
    if (i % 2 === 0) driver.close();
  }
});

test.run();
