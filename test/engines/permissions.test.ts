import * as fs from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type EngineName, LeaseStoreError, openStore, type StoreOptions } from '../../src/index.js';
import { granted, key, LONG_MS, newDirectory } from '../conformance/subject.js';

/*
 * The files of a store are its own: nobody else can read them, whatever the umask, and no name in its directory leads it
 * to write anywhere else.
 */

const open = (directory: string, more: Partial<StoreOptions> = {}) =>
  openStore({ engine: 'cow-btree', directory, ...more } as StoreOptions & { engine: 'cow-btree' });

/** Uses a store in every way that makes files; `backup`, where there is one to be made. */
async function use(directory: string, more: Partial<StoreOptions> = {}, backup?: string): Promise<void> {
  const store = await open(directory, more);
  try {
    for (let i = 0; i < 10; i++) await granted(store.acquire(key(`k${i}`), { owner: 'node-1', ttlMs: LONG_MS }));
    await store.checkpoint();
    if (backup !== undefined && store.supports.backup) await store.backup(backup);
  } finally {
    await store.close();
  }
}

/** Everything below a directory, links not followed. */
function everything(directory: string): string[] {
  return (fs.readdirSync(directory, { recursive: true }) as string[]).map((name) => join(directory, name)).sort();
}

for (const engine of ['cow-btree', 'append-log', 'mmap-wal'] as const satisfies readonly EngineName[]) {
  test(`${engine}: files are 0600 and directories 0700 under every umask, those of backups too`, async () => {
    const before = process.umask();
    try {
      for (const umask of [0, 0o022, 0o277]) {
        process.umask(umask);
        const root = join(newDirectory(), 'parent', 'store');
        await use(root, { engine }, join(root, '..', 'backup'));
        process.umask(before);
        const parent = join(root, '..');
        const found = [parent, ...everything(parent)];
        assert.ok(found.length > 5);
        for (const path of found) {
          const stats = fs.lstatSync(path);
          const mode = (stats.mode & 0o777).toString(8);
          assert.is(mode, stats.isDirectory() ? '700' : '600', `${path} under umask ${umask.toString(8)}`);
        }
      }
    } catch (error) {
      // Its package does not run on this machine.
      if ((error as LeaseStoreError).code !== 'ERR_HOLDFAST_ENGINE_UNAVAILABLE') throw error;
    } finally {
      process.umask(before);
    }
  });
}

/** A closed store and, elsewhere, something that no store must touch. */
async function closedStore(): Promise<{ directory: string; elsewhere: string }> {
  const root = newDirectory();
  const directory = join(root, 'store');
  await use(directory, { shards: 1 });
  const elsewhere = join(root, 'elsewhere');
  fs.mkdirSync(elsewhere);
  return { directory, elsewhere };
}

async function refused(directory: string, what: string): Promise<void> {
  try {
    await use(directory);
  } catch (error) {
    assert.instance(error, LeaseStoreError, `${what}: ${error}`);
    return;
  }
  throw new Error(`${what}: nobody minded`);
}

test('a link under the name of any file or directory of a store is not followed', async () => {
  const { directory, elsewhere } = await closedStore();
  const names = everything(directory);
  assert.ok(names.length >= 5, `${names}`);
  for (const path of names) {
    const target = join(elsewhere, basename(path));
    fs.renameSync(path, target);
    fs.symlinkSync(target, path);
    const before = contents(elsewhere);
    await refused(directory, path);
    assert.equal(contents(elsewhere), before, path);
    fs.unlinkSync(path);
    fs.renameSync(target, path);
  }
  await use(directory);
});

test('a link under the name of any file that a store is about to make is not written through', async () => {
  const { directory, elsewhere } = await closedStore();
  const before = new Set(everything(directory));
  const rehearsal = `${directory}-rehearsal`;
  fs.cpSync(directory, rehearsal, { recursive: true });
  await use(rehearsal);
  const made = everything(rehearsal)
    .map((path) => path.replace(rehearsal, directory))
    .filter((path) => !before.has(path));
  assert.ok(made.length > 0);
  const victim = join(elsewhere, 'victim');
  fs.writeFileSync(victim, 'what was there');
  for (const path of [...made, ...made.map((path) => `${path}.tmp`), join(directory, 'MANIFEST.tmp')]) {
    for (const target of [victim, join(elsewhere, 'nothing yet')]) {
      const copy = `${directory}-copy`;
      fs.cpSync(directory, copy, { recursive: true });
      fs.symlinkSync(target, path.replace(directory, copy));
      // Whether it minds or makes room for its own file, the link leads nowhere.
      await use(copy).catch((error) => assert.instance(error, LeaseStoreError, `${path}: ${error}`));
      assert.equal(contents(elsewhere), { victim: 'what was there' }, path);
      fs.rmSync(copy, { recursive: true });
    }
  }
});

function contents(directory: string): Record<string, string> {
  return Object.fromEntries(
    everything(directory)
      .filter((path) => fs.lstatSync(path).isFile())
      .map((path) => [path.slice(directory.length + 1), fs.readFileSync(path, 'latin1')]),
  );
}

test.run();
