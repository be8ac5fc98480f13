import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Lease, type LeaseStore, openStore } from '../../../src/index.js';
import { temporaryDirectory } from '../../support/env.js';
import { holdfast } from '../command.js';

const HOUR_MS = 3_600_000;
const MEMORY = { memoryBytesMax: 64 * 1024 * 1024 };
const root = temporaryDirectory();
const original = join(root, 'original');
const backup = join(root, 'backup');
let leases: Lease[] = [];
/** The highest token that the original handed out, after the backup. */
let tokenMax = 0;
let made = 0;
const place = (): string => join(root, `place-${++made}`);

const open = async (directory: string) =>
  (await openStore({ engine: 'cow-btree', directory, ...MEMORY })) as LeaseStore<unknown>;

test.before(async () => {
  const store = (await openStore({
    engine: 'cow-btree',
    directory: original,
    shards: 2,
    ...MEMORY,
  })) as LeaseStore<unknown>;
  await store.acquireMany(
    Array.from({ length: 400 }, (_, i) => ({
      key: { type: `type-${i % 3}`, id: `actor-${i}` },
      owner: `owner-${i % 4}`,
      ttlMs: HOUR_MS,
      ...(i % 5 === 0 ? { value: { text: 'v'.repeat(i * 5) } } : {}),
    })),
  );
  leases = [...store.range()];
  await store.backup(backup);
  // The original goes on, some minutes ahead of its clock: tokens came in by an import.
  const ahead = Date.now() * 1000 + 600_000_000;
  await store.import(leases.slice(0, 40).map((lease) => ({ ...lease, token: ahead })));
  const answers = await store.acquireMany(
    leases.map(({ key, owner }) => ({ key: { ...key, id: `${key.id}-later` }, owner, ttlMs: HOUR_MS })),
  );
  for (const answer of answers) if (answer.ok) tokenMax = Math.max(tokenMax, answer.lease.token);
  await store.close();
  assert.ok(tokenMax > ahead);
});

test('what is restored holds what the backup held, and tokens above all that were handed out since', async () => {
  const target = place();
  const { status, stdout, stderr } = holdfast('restore', backup, '--to', target);
  assert.is(status, 0, stderr);
  assert.match(stdout, /restored, 400 leases, tokens above \d+/);
  const store = await open(target);
  assert.equal([...store.range()], leases);
  const answers = await store.acquireMany(
    Array.from({ length: 50 }, (_, i) => ({ key: { type: 'new', id: `${i}` }, owner: 'o', ttlMs: HOUR_MS })),
  );
  for (const answer of answers) assert.ok(answer.ok && answer.lease.token > tokenMax);
  assert.ok((await store.renew(leases[7])).ok, 'the holder of then goes on');
  await store.close();
  assert.is(holdfast('verify', target).status, 0);
});

test('two copies of one backup are two stores', () => {
  const ids = [place(), place()].map((target) => {
    assert.is(holdfast('restore', backup, '--to', target).status, 0);
    return JSON.parse(readFileSync(join(target, 'manifest'), 'utf8').split('\n')[0]).storeId as string;
  });
  assert.is(new Set(ids).size, 2);
});

test('a store that is closed can be copied as a backup can, its log included', async () => {
  const target = place();
  assert.is(holdfast('restore', original, '--to', target).status, 0);
  const copy = await open(target);
  const store = await open(original);
  assert.equal([...copy.range()], [...store.range()]);
  await copy.close();
  await store.close();
});

test('nothing is overwritten, and nothing is left of a restore that fails', () => {
  const taken = place();
  mkdirSync(taken);
  writeFileSync(join(taken, 'letter'), 'dear');
  const over = holdfast('restore', backup, '--to', taken);
  assert.is(over.status, 2);
  assert.match(over.stderr, /nothing is ever overwritten; .* holds letter/);
  assert.equal(readdirSync(taken), ['letter']);
  const store = holdfast('restore', backup, '--to', original);
  assert.is(store.status, 2);

  const damaged = place();
  cpSync(backup, damaged, { recursive: true });
  const own = join(damaged, 'generation-1', 'shard-1');
  const path = join(own, readdirSync(own).find((name) => name.startsWith('checkpoint-')) as string);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(path, bytes);
  const target = place();
  const failed = holdfast('restore', damaged, '--to', target);
  assert.is(failed.status, 1);
  assert.match(failed.stderr, /ERR_HOLDFAST_CORRUPT: \S*shard-1\S*ckpt is damaged/);
  assert.not.ok(existsSync(target));
});

test.run();
