import { spawn } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Lease, openStore } from '../../../src/index.js';
import { temporaryDirectory } from '../../support/env.js';
import { holdfast } from '../command.js';

const SHARD = ['generation-1', 'shard-0'];
const leases: Lease[] = [];
const root = temporaryDirectory();
const good = join(root, 'good');
let copies = 0;

/** A store with two checkpoints, a log behind them, large and small values, several owners and types. */
async function makeStore(directory: string): Promise<void> {
  await using store = await openStore({ engine: 'cow-btree', directory, shards: 2 });
  for (let round = 0; round < 3; round++) {
    const requests = Array.from({ length: 200 }, (_, i) => ({
      key: { type: `type-${i % 3}`, id: `${round}-${i}-ü` },
      owner: `owner-${i % 4}`,
      ttlMs: 3_600_000,
      ...(i % 5 === 0 ? { value: { text: 'x'.repeat(i * 15) } } : {}),
    }));
    await store.acquireMany(requests);
    if (round < 2) await store.checkpoint();
  }
  for (const lease of store.range({ type: 'type-1', limit: 50 })) await store.renew(lease);
  for (const lease of store.range({ type: 'type-2', limit: 30 })) await store.release(lease);
  leases.push(...store.range());
}

test.before(() => makeStore(good));

function copy(): string {
  const directory = join(root, `copy-${++copies}`);
  cpSync(good, directory, { recursive: true });
  return directory;
}

function namesIn(directory: string, start: string): string[] {
  return readdirSync(join(directory, ...SHARD)).filter((name) => name.startsWith(start));
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at] ^= 0x10;
  writeFileSync(path, bytes);
}

/** Every file below a directory with its content, locks aside. */
function contents(directory: string): Map<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path, readFileSync(path, 'hex')]),
  );
}

test('a good store is good, and nothing in it changes', () => {
  const before = contents(good);
  for (const command of ['verify', 'inspect', 'dump', 'dump-wal']) {
    const { status, stderr } = holdfast(command, good);
    assert.is(status, 0, stderr);
    assert.is(stderr, '');
  }
  assert.match(holdfast('verify', good).stdout, new RegExp(`is good: ${leases.length} leases`));
  assert.equal(contents(good), before);
});

test('dump prints every lease as it is stored', () => {
  const dumped = holdfast('dump', good)
    .stdout.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Lease);
  const byKey = (a: Lease, b: Lease) => (JSON.stringify(a.key) < JSON.stringify(b.key) ? -1 : 1);
  assert.equal(dumped.sort(byKey), [...leases].sort(byKey));
});

test('dump-wal tells all that happened since the older checkpoint', () => {
  const records = holdfast('dump-wal', good)
    .stdout.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { shard: number; lsn: number; record: string; key?: { id: string } });
  const kinds = (kind: string) => records.filter(({ record }) => record === kind);
  assert.is(kinds('renew').length, 50);
  assert.is(kinds('remove').length, 30);
  assert.is(kinds('grant').filter(({ key }) => key?.id.startsWith('2-')).length, 200);
  for (const shard of [0, 1]) {
    const lsns = records.filter((record) => record.shard === shard).map(({ lsn }) => lsn);
    assert.equal(
      lsns,
      lsns.map((_, i) => lsns[0] + i),
    );
  }
});

test('bytes come out of a dump as base64', async () => {
  const directory = temporaryDirectory();
  {
    await using store = await openStore<Uint8Array>({ engine: 'cow-btree', directory, valueEncoding: 'buffer' });
    await store.acquire({ type: 't', id: 'i' }, { owner: 'o', ttlMs: 60_000, value: Uint8Array.of(0, 255, 7) });
  }
  const { stdout } = holdfast('dump', directory);
  assert.equal(JSON.parse(stdout).value, { base64: 'AP8H' });
  const records = holdfast('dump-wal', directory).stdout;
  assert.match(records, /"value":\{"base64":"AP8H"\}/);
});

test('inspect shows what a store consists of', () => {
  const { stdout } = holdfast('inspect', good);
  for (const name of [...namesIn(good, 'checkpoint-'), ...namesIn(good, 'wal-')])
    assert.ok(stdout.includes(name), name);
  assert.match(stdout, /4 owners, by stored leases/);
  assert.match(stdout, /3 types, by stored leases/);
  assert.match(stdout, new RegExp(`"type-0": ${leases.filter(({ key }) => key.type === 'type-0').length}\n`));
  assert.match(
    stdout,
    /leases tree: \d+ entries, \d levels, \d+ branches, \d+ leaves, \d+ nodes of values, \d+ % full/,
  );
});

test('a store with one good checkpoint still opens, and is damaged all the same', () => {
  const directory = copy();
  const newest = namesIn(directory, 'checkpoint-').at(-1) as string;
  flip(join(directory, ...SHARD, newest), 5000);
  const { status, stdout, stderr } = holdfast('verify', directory);
  assert.is(status, 1);
  assert.match(
    stderr,
    new RegExp(`ERR_HOLDFAST_CORRUPT: \\S*${newest} is damaged at byte \\d+: node \\d+ does not match`),
  );
  assert.match(stdout, /the log stands in for damaged checkpoints/);
  assert.is(holdfast('dump', directory).stdout, holdfast('dump', good).stdout);
});

const DAMAGE: readonly (readonly [string, (directory: string) => void, RegExp])[] = [
  [
    'a flipped bit in the log',
    (d) => flip(join(d, ...SHARD, namesIn(d, 'wal-').at(-1) as string), 200),
    /wal-\d+\.log/,
  ],
  ['a flipped bit in the manifest', (d) => flip(join(d, 'manifest'), 10), /manifest is damaged/],
  [
    'a checkpoint cut short',
    (d) => truncateSync(join(d, ...SHARD, namesIn(d, 'checkpoint-')[0]), 1000),
    /checkpoint-\d+\.ckpt/,
  ],
  ['a missing shard', (d) => rmSync(join(d, ...SHARD), { recursive: true }), /shard-0 is missing/],
  [
    'a missing log',
    (d) => {
      for (const name of namesIn(d, 'wal-')) rmSync(join(d, ...SHARD, name));
    },
    /no log/,
  ],
  [
    'an empty shard beside one that is not',
    (d) => {
      rmSync(join(d, ...SHARD), { recursive: true });
      mkdirSync(join(d, ...SHARD));
    },
    /shard 0: it has neither log nor checkpoint/,
  ],
  [
    "another shard's checkpoint",
    (d) => {
      const other = join(d, 'generation-1', 'shard-1');
      const name = namesIn(d, 'checkpoint-')[0];
      const from = readdirSync(other).find((file) => file.startsWith('checkpoint-')) as string;
      copyFileSync(join(other, from), join(d, ...SHARD, name));
    },
    /it belongs to shard 1, not 0/,
  ],
];

for (const [what, damage, why] of DAMAGE) {
  test(`verify finds ${what}, and changes nothing`, () => {
    const directory = copy();
    damage(directory);
    const before = contents(directory);
    const { status, stderr } = holdfast('verify', directory);
    assert.is(status, 1, stderr);
    assert.match(stderr, why);
    assert.equal(contents(directory), before);
  });
}

test('a torn end is what crashes leave, not damage', () => {
  const directory = copy();
  const path = join(directory, ...SHARD, namesIn(directory, 'wal-').at(-1) as string);
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from('half a frame')]));
  const { status, stdout, stderr } = holdfast('verify', directory);
  assert.is(status, 0, stderr);
  assert.match(stdout, /wal-\d+\.log: a crash left its end torn at byte \d+ \(12 bytes/);
});

test('a store that somebody has open is left alone', async () => {
  await using _ = await openStore({ engine: 'cow-btree', directory: good });
  // The lock lives in this thread: it must be free to answer.
  const child = spawn(process.execPath, [
    new URL('../../../src/cli/main.js', import.meta.url).pathname,
    'verify',
    good,
  ]);
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  const status = await new Promise((resolve) => child.once('close', resolve));
  assert.is(status, 2);
  assert.match(told, new RegExp(`ERR_HOLDFAST_LOCKED: process ${process.pid}`));
});

test('what is no store is a wrong call, and stays without a lock', () => {
  const directory = temporaryDirectory();
  assert.is(holdfast('verify', directory).status, 2);
  assert.equal(readdirSync(directory), []);
  writeFileSync(join(directory, 'letter'), 'dear');
  assert.is(holdfast('dump', directory).status, 2);
  assert.equal(readdirSync(directory), ['letter']);
});

test.run();
