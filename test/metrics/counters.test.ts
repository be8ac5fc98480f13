import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createControl, HISTOGRAM_BUCKETS, histogramIndex } from '../../native-layout/shard-control.js';
import { Control } from '../../src/memory/control.js';
import { Counters } from '../../src/metrics/counters.js';
import { bucketOf, percentiles } from '../../src/metrics/histogram.js';

test('a histogram of billions of values tells the same percentiles', () => {
  const control = new Control(createControl(0, 4096));
  const first = histogramIndex('commitNs');
  const buckets = control.words.subarray(first, first + HISTOGRAM_BUCKETS);
  const [fast, slow] = [bucketOf(5000, HISTOGRAM_BUCKETS), bucketOf(900_000, HISTOGRAM_BUCKETS)];
  buckets[fast] = 2 ** 31 - 1;
  buckets[slow] = 2 ** 25;
  const before = percentiles(buckets);
  const counters = new Counters(control);
  for (let i = 0; i < 3; i++) counters.record('commitNs', 5000);
  const { count, ...rest } = percentiles(buckets);
  assert.equal({ ...rest, count: before.count }, before);
  assert.is(buckets[fast], 2 ** 30 + 2);
  assert.is(count, 2 ** 30 + 2 + 2 ** 24);
});

test.run();
