import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openManifest } from '../../../src/engines/cow-btree/layout.js';
import { LeaseStoreError, openStore } from '../../../src/index.js';
import { ensureDirectory } from '../../../src/io/ensure-directory.js';
import { type Manifest, readManifest, shardDirectory } from '../../../src/manifest.js';
import { resolveOptions } from '../../../src/options.js';
import { scanWal } from '../../../src/wal/reader.js';
import { seed, temporaryDirectory } from '../../support/env.js';
import { CrashError, FaultFileSystem } from '../../support/fault-file-system.js';

const SHARDS = 2;
const OPTIONS = resolveOptions({ engine: 'cow-btree', directory: '/store', shards: SHARDS });

function expectWhole(disk: FaultFileSystem, manifest: Manifest): void {
  assert.equal(readManifest(disk, '/store'), manifest);
  const storeId = Uint8Array.from(Buffer.from(manifest.storeId, 'hex'));
  for (let shard = 0; shard < SHARDS; shard++) {
    const { lastEpoch } = scanWal(disk, shardDirectory('/store', 1, shard), { storeId, shard, fromLsn: 0 });
    assert.is(lastEpoch, 1, `shard ${shard} has its log`);
  }
}

test('a creation cut off at any step leaves a whole store, or nothing that a new one minds', () => {
  let images = 0;
  let whole = 0;
  for (let step = 1, returned: Manifest | undefined; returned === undefined; step++) {
    const disk = new FaultFileSystem();
    ensureDirectory(disk, '/store');
    disk.crashAt(disk.steps + step);
    try {
      returned = openManifest(disk, OPTIONS, 1);
    } catch (error) {
      assert.instance(error, CrashError);
    }
    for (const image of [...disk.images(seed + step, 60), ...(returned === undefined ? [] : [disk.afterKill()])]) {
      images++;
      const before = readManifest(image, '/store');
      if (before !== undefined) {
        whole++;
        expectWhole(image, before);
      } else assert.is(returned, undefined, 'a store that was made is there');
      const opened = openManifest(image, OPTIONS, 1);
      if (before !== undefined) assert.equal(opened, before, 'opened, not made anew');
      expectWhole(image, opened);
      // Whoever found the manifest has made sure that no power cut takes it away again.
      for (const later of image.images(seed, 5)) expectWhole(later, opened);
    }
  }
  assert.ok(images > 100 && whole > 2 && whole < images / 2, `${images} images, ${whole} whole`);
});

test('a creation that fails can be tried again', () => {
  for (const operation of ['mkdir', 'open', 'write', 'fsync', 'rename', 'syncDirectory'] as const) {
    for (let nth = 1; nth <= 3; nth++) {
      const disk = new FaultFileSystem();
      ensureDirectory(disk, '/store');
      disk.inject({ code: 'ENOSPC', operation, nth });
      try {
        openManifest(disk, OPTIONS, 1);
        assert.ok(nth > 1, `no ${operation}`);
      } catch (error) {
        assert.instance(error, LeaseStoreError);
      }
      assert.is(disk.openFiles, 0);
      expectWhole(disk, openManifest(disk, OPTIONS, 1));
    }
  }
});

/** Every file of a store with its bytes, locks aside. */
function contents(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'hex')]),
  );
}

for (const shards of [1, 3]) {
  for (const openings of [0, 1, 2]) {
    test(`a store of ${shards} that was opened ${openings + 1} times and lost a log is corrupt, not empty`, async () => {
      const directory = join(temporaryDirectory(), 'store');
      const options = { engine: 'cow-btree', memoryBytesMax: 64 * 1024 * 1024, directory } as const;
      for (let i = 0; i <= openings; i++) {
        const store = await openStore({ ...options, shards });
        if (i > 0) await store.acquire({ type: 't', id: `${i}` }, { owner: 'n', ttlMs: 60_000 });
        await store.close();
      }
      const shard = shardDirectory(directory, 1, shards - 1);
      const logs = readdirSync(shard);
      if (openings === 0) assert.is(logs.length, 1, 'no segment without records is left beside the first with some');
      for (const name of logs) rmSync(join(shard, name));
      const before = contents(directory);
      for (let i = 0; i < 2; i++) {
        const error = await openStore(options).then(
          () => assert.unreachable('it opened'),
          (refusal: LeaseStoreError) => refusal,
        );
        assert.is((error as unknown as LeaseStoreError).code, 'ERR_HOLDFAST_CORRUPT');
        assert.match((error as unknown as LeaseStoreError).message, new RegExp(`log of shard ${shards - 1} `));
      }
      assert.equal(contents(directory), before, 'nothing was changed');
    });
  }
}

test.run();
