import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchResult } from '../../bench/record.js';
import { temporaryDirectory } from '../support/env.js';

const MAIN = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

function bench(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 100_000 });
}

test('a quick run of three subjects yields figures, JSON and a page', () => {
  const directory = temporaryDirectory();
  const json = join(directory, 'result.json');
  const html = join(directory, 'result.html');
  const subjects = ['cow-btree', 'memory', 'map'];
  const { status, stdout, stderr } = bench(
    ...['--quick', '--only', 'renew-1,renew-batch,get', '--leases', '2000', '--seed', '7'],
    ...['--engines', subjects.join(','), '--json', json, '--html', html, '--directory', directory],
  );
  assert.is(stderr, '');
  assert.is(status, 0);
  assert.match(stdout, /durability 'synced'/);

  const result: BenchResult = JSON.parse(readFileSync(json, 'utf8'));
  assert.is(result.seed, 7);
  assert.is(result.leases, 2000);
  assert.is(result.node, process.version);
  assert.ok(result.machine.cores > 0);
  assert.equal(result.absences, []);
  assert.equal(
    result.participants.map(({ engine, durability }) => `${engine} ${durability}`),
    ['cow-btree written', 'cow-btree synced', 'memory none', 'map none'],
  );
  for (const record of result.records) {
    assert.ok(Number.isFinite(record.value) && record.unit !== '', JSON.stringify(record));
    assert.ok(subjects.includes(record.engine));
  }
  for (const engine of subjects) {
    for (const [workload, metric] of [
      ['renew-1', 'p95'],
      ['renew-batch', 'rate'],
      ['get', 'p95'],
      ['memory', 'resident'],
    ]) {
      const found = result.records.filter((one) => {
        return one.engine === engine && one.workload === workload && one.metric === metric;
      });
      const levels = engine === 'cow-btree' && workload !== 'get' ? ['written', 'synced'] : undefined;
      if (levels !== undefined)
        assert.equal(
          found.map(({ durability }) => durability),
          levels,
        );
      else assert.is(found.length, 1, `${engine} ${workload} ${metric}`);
      assert.ok(
        found.every(({ value }) => value > 0),
        `${engine} ${workload} ${metric}`,
      );
    }
  }

  const page = readFileSync(html, 'utf8');
  assert.is(page.match(/<svg/g)?.length, page.match(/<\/svg>/g)?.length);
  assert.ok(page.includes('<svg') && page.trimEnd().endsWith('</html>'));
  assert.not.match(page, /NaN|undefined|Infinity|<script|https?:/);
});

test('what whole runs measured outlasts an interruption', async () => {
  const directory = temporaryDirectory();
  const json = join(directory, 'result.json');
  const args = ['--quick', '--engines', 'map', '--only', 'renew-batch', '--leases', '1000', '--runs', '100'];
  const child = spawn(process.execPath, [MAIN, ...args, '--json', json, '--directory', directory], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (!existsSync(json) && child.exitCode === null) await sleep(20);
  child.kill('SIGTERM');
  assert.equal(await ended, [143, null]);

  const { runs, records }: BenchResult = JSON.parse(readFileSync(json, 'utf8'));
  assert.ok(runs >= 1 && runs < 100, `${runs}`);
  const rates = records.filter(({ workload, metric }) => workload === 'renew-batch' && metric === 'rate');
  assert.equal(
    rates.map(({ run }) => run),
    Array.from({ length: runs }, (_, run) => run),
  );
});

test('what it does not know is refused with what there is', () => {
  for (const [args, message] of [
    [['--engines', 'redis'], /--engines: there is no 'redis'; there are .*cow-btree/],
    [['--only', 'renew'], /--only: there is no 'renew'/],
    [['--sweep', 'colour'], /--sweep: there is no 'colour'; there are shards/],
    [['--leases', '1e3x'], /--leases takes a whole number/],
    [['--fast'], /--fast/],
  ] as const) {
    const { status, stderr } = bench(...args);
    assert.is(status, 2, args.join(' '));
    assert.match(stderr, message);
  }
});

test.run();
