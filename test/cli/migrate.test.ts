// timeout: 240s
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AsyncLeaseStore, type EngineName, type Lease, openStore } from '../../src/index.js';
import { temporaryDirectory } from '../support/env.js';
import { holdfast, MAIN } from './command.js';

const HOUR_MS = 3_600_000;
const root = temporaryDirectory();
let made = 0;
const place = (): string => join(root, `store-${++made}`);

async function onStore<T>(
  engine: EngineName,
  directory: string,
  work: (store: AsyncLeaseStore<unknown>) => Promise<T>,
): Promise<T> {
  const store: AsyncLeaseStore<unknown> = await openStore({ engine, directory, memoryBytesMax: 256 * 1024 * 1024 });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function fill(store: AsyncLeaseStore<unknown>, count: number): Promise<void> {
  for (let from = 0; from < count; from += 2000) {
    await store.acquireMany(
      Array.from({ length: Math.min(2000, count - from) }, (_, i) => ({
        key: { type: `type-${i % 7}`, id: `actor-${from + i}` },
        owner: `node-${i % 5}`,
        ttlMs: HOUR_MS,
        ...(i % 3 === 0 ? { value: { i, text: 'é' } } : {}),
      })),
    );
  }
}

async function leasesOf(store: AsyncLeaseStore<unknown>): Promise<Lease[]> {
  const leases: Lease[] = [];
  for await (const lease of store.range()) leases.push(lease);
  return leases;
}

test('RocksDB to the tree: copied, compared, and passed over when it is there', async () => {
  const [old, target] = [place(), place()];
  const leases = await onStore('rocksdb', old, async (store) => {
    await fill(store, 3000);
    return leasesOf(store);
  });
  const first = holdfast('migrate', '--from', `rocksdb:${old}`, '--to', `cow-btree:${target}`);
  assert.is(first.status, 0, first.stderr);
  assert.match(first.stdout, /3,000 leases copied in [\d.]+ s, [\d,]+ leases\/s\n/);
  assert.match(first.stdout, /both hold the same: 3,000 leases, SHA-256 [0-9a-f]{64}\n/);
  assert.equal(await onStore('cow-btree', target, leasesOf), leases);
  await onStore('rocksdb', old, async (store) => {
    assert.ok((await store.renew(leases[5])).ok);
  });
  const second = holdfast('migrate', '--from', `rocksdb:${old}`, '--to', `cow-btree:${target}`);
  assert.is(second.status, 0, second.stderr);
  assert.match(second.stdout, / 1 leases copied \(2,999 were there already\)/);
});

test('a target that holds something else is told, and not called good', async () => {
  const [old, target] = [place(), place()];
  const [lease] = await onStore('append-log', old, async (store) => {
    await fill(store, 20);
    return leasesOf(store);
  });
  await onStore('cow-btree', target, (store) => store.import([{ ...lease, owner: 'somebody else', renewals: 9 }]));
  const { status, stderr } = holdfast('migrate', '--from', `append-log:${old}`, '--to', `cow-btree:${target}`);
  assert.is(status, 1);
  assert.match(stderr, /0 leases are missing and 1 differ, 19 are the same/);
  assert.match(stderr, new RegExp(`"${lease.key.type}/${lease.key.id}"`));
});

const bytesBelow = (directory: string): number =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        // One may have got its final name since it was listed.
        .reduce(
          (sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0),
          0,
        )
    : 0;

test('interrupted, it says how far it came, and goes on when it is run again', async () => {
  const [old, target] = [place(), place()];
  const count = 60_000;
  await onStore('lsm', old, (store) => fill(store, count));
  const args = ['migrate', '--from', `lsm:${old}`, '--to', `append-log:${target}`];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
  const ended = new Promise((resolve) => child.once('close', resolve));
  while (bytesBelow(target) < 200_000 && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill('SIGINT');
  assert.is(await ended, 130, told);
  const [, held] = /interrupted; the target holds ([\d,]+) leases\. Run it again to go on/.exec(told) ?? [];
  const copied = Number(held?.replaceAll(',', ''));
  assert.ok(copied > 0 && copied <= count, told);
  const again = holdfast(...args);
  assert.is(again.status, 0, again.stderr);
  assert.match(again.stdout, new RegExp(`\\(${copied.toLocaleString('en')} were there already\\)`));
  assert.match(again.stdout, /both hold the same: 60,000 leases/);
});

test('other encodings of values than JSON are asked for, and named where they are missing', async () => {
  const [old, target] = [place(), place()];
  const store = await openStore<string>({ engine: 'append-log', directory: old, valueEncoding: 'utf8' });
  await store.acquire({ type: 't', id: 'i' }, { owner: 'o', ttlMs: HOUR_MS, value: 'plain' });
  await store.close();
  const args = ['migrate', '--from', `append-log:${old}`, '--to', `cow-btree:${target}`];
  const refused = holdfast(...args);
  assert.is(refused.status, 2);
  assert.match(refused.stderr, /valueEncoding must be 'utf8'/);
  assert.is(holdfast(...args, '--value-encoding', 'utf8').status, 0);
  assert.match(holdfast('dump', target).stdout, /"value":"plain"/);
});

test('a wrong call makes no store', () => {
  const [old, target] = [place(), place()];
  const { status, stderr } = holdfast('migrate', '--from', `lsm:${old}`, '--to', `cow-btree:${target}`);
  assert.is(status, 2);
  assert.match(stderr, /there is no store in/);
  assert.not.ok(existsSync(old) || existsSync(target));
});

test.run();
