import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GroupLog, replayLog } from '../../../src/engines/indexed/group-log.js';
import { IndexedStore } from '../../../src/engines/indexed/indexed-store.js';
import { LeaseIndex } from '../../../src/engines/indexed/lease-index.js';
import { IndexReplay } from '../../../src/engines/indexed/replay.js';
import { MmapJournal } from '../../../src/engines/mmap-wal/journal.js';
import { MappedTable } from '../../../src/engines/mmap-wal/lease-table.js';
import { loadLibc } from '../../../src/engines/mmap-wal/libc.js';
import { MappedFile } from '../../../src/engines/mmap-wal/mapped-file.js';
import { ioError } from '../../../src/io/io-error.js';
import { nodeFileSystem } from '../../../src/io/node-file-system.js';
import { resolveOptions } from '../../../src/options.js';
import { TokenSource } from '../../../src/shard/tokens.js';
import { collect, granted, key, LONG_MS, newDirectory, rejects } from '../../conformance/subject.js';

test('a group for which the table has no room is not logged either', async () => {
  const files = nodeFileSystem();
  const libc = await loadLibc();
  const directory = newDirectory();
  let full = false;
  const file = MappedFile.open(
    files,
    {
      ...libc,
      allocate(...args) {
        if (full) throw ioError('posix_fallocate', args[3], { errno: -28 });
        libc.allocate(...args);
      },
    },
    join(directory, 'table'),
  );
  const nowMs = () => Date.now();
  const owner = { storeId: Buffer.alloc(16, 7), shard: 0 };
  const index = new LeaseIndex(nowMs());
  const scan = replayLog(files, directory, owner, 0, new IndexReplay(index, 0, true));
  const log = GroupLog.resume(files, directory, owner, scan, nowMs(), 0);
  const options = resolveOptions({ engine: 'mmap-wal', directory });
  const table = new MappedTable(file, 1);
  const lock = { release: async () => {} };
  const journal = new MmapJournal({
    files,
    dataPath: directory,
    lock,
    log,
    file,
    table,
    checkpointWalBytesMin: 2 ** 30,
  });
  const supports = { persistence: true, synced: true, syncReads: true, snapshots: true, consistentSnapshots: true };
  const store = new IndexedStore<unknown>({
    options,
    supports: { ...supports, backup: false, attach: false },
    index,
    tokens: new TokenSource(0),
    journal,
    nowMs,
  });

  const kept = await granted(store.acquire(key('kept'), { owner: 'a', ttlMs: LONG_MS }));
  full = true;
  const value = 'x'.repeat(4000);
  let error: unknown;
  for (let i = 0; i < 4000 && error === undefined; i++) {
    await store.acquire(key(`k${i}`), { owner: 'a', ttlMs: LONG_MS, value }).catch((thrown) => {
      error = thrown;
    });
  }
  assert.is((error as { code?: string } | undefined)?.code, 'ERR_HOLDFAST_DISK_FULL');
  const [lsn, before] = [log.lastLsn, await collect(store.range())];
  await rejects(() => store.acquire(key('one more'), { owner: 'a', ttlMs: LONG_MS }), 'ERR_HOLDFAST_DISK_FULL');
  assert.is(log.lastLsn, lsn);
  assert.equal(await collect(store.range()), before);
  assert.ok((await store.renew(kept)).ok, 'renewals and releases need no room');
  assert.ok((await store.release(kept)).ok);
  full = false;
  await granted(store.acquire(key('one more'), { owner: 'a', ttlMs: LONG_MS }));
  const leases = await collect(store.range());
  await store.close();

  const replayed = new LeaseIndex(nowMs());
  replayLog(files, directory, owner, 0, new IndexReplay(replayed, 0, false));
  assert.equal(
    [...replayed.leases.values()].map(({ token }) => token),
    leases.map(({ token }) => token),
  );
  fs.rmSync(directory, { recursive: true });
});

test.run();
