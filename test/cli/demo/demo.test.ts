// timeout: 240s
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runDemo } from '../../../src/cli/demo/demo.js';
import { actor } from '../../../src/cli/demo/workload.js';
import { openStore } from '../../../src/index.js';
import { temporaryDirectory } from '../../support/env.js';
import { holdfast } from '../command.js';

const SMALL = { leases: 5000, shards: 1, seconds: 1, directory: undefined, durability: 'written', seed: 3 } as const;

test('the demo kills, recovers, proves and measures, and keeps the store where it is told to', async () => {
  const directory = join(temporaryDirectory(), 'kept');
  process.env.TMPDIR = temporaryDirectory();
  const { status, stdout, stderr } = holdfast('demo', '--leases', '20000', '--seconds', '1', '--directory', directory);
  assert.is(status, 0, stdout + stderr);
  const reported = /it had reported ([\d,]+) acknowledged writes/.exec(stdout);
  assert.ok(Number(reported?.[1].replaceAll(',', '')) > 100, stdout);
  const checked = /([\d,]+) acknowledged leases checked for token and deadline: 0 missing or wrong/.exec(stdout);
  assert.ok(Number(checked?.[1].replaceAll(',', '')) >= 20_000, stdout);
  for (const row of ['write: P50', 'read: P50', 'recovery', 'memory efficiency', 'fill', 'range rows/s', 'idle CPU']) {
    assert.match(stdout, new RegExp(`^${row}.* \\d`, 'm'));
  }
  assert.is(stdout.match(/^write at (1,000|10,000) op\/s/gm)?.length, 6);
  assert.equal(readdirSync(process.env.TMPDIR), [], 'nothing of it is left elsewhere');
  await using store = await openStore({ engine: 'cow-btree', directory });
  assert.ok(store.count() >= 20_000);
});

test('a promise that was not kept ends the demo with exit code 1, and it says which', async () => {
  const told: string[] = [];
  const { error } = console;
  console.error = (line: string) => told.push(line);
  try {
    const status = await runDemo(SMALL, async (_, acknowledged) => {
      const kept = acknowledged.of(41);
      assert.ok(kept);
      acknowledged.note({ ...kept, token: kept.token + 1 });
    });
    assert.is(status, 1);
  } finally {
    console.error = error;
  }
  assert.is(told.length, 1);
  assert.match(told[0], /actor 41: acknowledged token \d+, found \d+/);
});

test('a lease that vanished is found out', async () => {
  const told: string[] = [];
  const { error } = console;
  console.error = (line: string) => told.push(line);
  try {
    const status = await runDemo(SMALL, async ({ directory, seed }) => {
      await using store = await openStore({ engine: 'cow-btree', directory });
      const lease = store.get(actor(seed, 17));
      assert.ok(lease);
      assert.ok((await store.release(lease)).ok);
    });
    assert.is(status, 1);
  } finally {
    console.error = error;
  }
  assert.equal(told.length, 1);
  assert.match(told[0], /actor 17: acknowledged with token \d+, not there/);
});

test.run();
