import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseOptions } from '../../bench/options.js';
import { plan } from '../../bench/plan.js';

test('a sweep that needs more leases to show a difference has them, unless a number is given', () => {
  const leases = (...args: string[]) => parseOptions(args)?.leases;
  assert.is(leases(), 1_000_000);
  assert.is(leases('--sweep', 'shards'), 1_000_000);
  assert.is(leases('--sweep', 'page-size'), 10_000_000);
  assert.is(leases('--sweep', 'page-size', '--leases', '5000'), 5000);
  assert.is(leases('--sweep', 'page-size', '--quick'), 50_000);
});

test('every value of a sweep is a job of its own, with the environment that it is about', () => {
  const options = parseOptions(['--sweep', 'page-size', '--runs', '2']);
  assert.ok(options !== undefined);
  const jobs = plan(options);
  assert.equal(
    jobs.map(({ run, setting, environment }) => [run, setting, environment]),
    [0, 1].flatMap((run) => [
      [run, "the system's", {}],
      [run, 'huge', { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' }],
    ]),
  );
});

test.run();
