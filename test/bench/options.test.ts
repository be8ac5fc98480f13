import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseOptions } from '../../bench/options.js';
import { plan } from '../../bench/plan.js';

test('a million leases, three runs; fewer in a quick one, and as many as are asked for', () => {
  const sizeOf = (...args: string[]) => {
    const { leases, runs } = parseOptions(args) ?? {};
    return [leases, runs];
  };
  assert.equal(sizeOf(), [1_000_000, 3]);
  assert.equal(sizeOf('--sweep', 'shards'), [1_000_000, 3]);
  assert.equal(sizeOf('--quick'), [50_000, 1]);
  assert.equal(sizeOf('--quick', '--leases', '5000', '--runs', '2'), [5000, 2]);
});

test('every value of a sweep is a job of its own, in every run', () => {
  const options = parseOptions(['--sweep', 'node-size', '--runs', '2']);
  assert.ok(options !== undefined);
  assert.equal(
    plan(options).map(({ run, setting, options: given }) => [run, setting, given]),
    [0, 1].flatMap((run) => [2048, 4096, 8192, 16384].map((nodeBytes) => [run, `${nodeBytes} B`, { nodeBytes }])),
  );
});

test.run();
