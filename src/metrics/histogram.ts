/*
 * Histograms with four buckets to every doubling: a percentile read from them is off by at most a fifth, and a value
 * costs one increment. (The idea of Tene's HdrHistogram, with fewer sub-buckets.)
 */

const SUB_BITS = 2;
const SUB = 1 << SUB_BITS;

/** Bucket of a non-negative number; what is too large falls into the last. */
export function bucketOf(value: number, buckets: number): number {
  const whole = value < 0 ? 0 : value > 0xffffffff ? 0xffffffff : value >>> 0;
  if (whole < SUB) return whole;
  const exponent = 31 - Math.clz32(whole);
  const bucket = ((exponent - SUB_BITS + 1) << SUB_BITS) + ((whole >>> (exponent - SUB_BITS)) & (SUB - 1));
  return bucket < buckets ? bucket : buckets - 1;
}

/** The smallest value that falls into the bucket behind this one. */
export function bucketEnd(bucket: number): number {
  if (bucket < SUB) return bucket + 1;
  const exponent = (bucket >>> SUB_BITS) + SUB_BITS - 1;
  const sub = bucket & (SUB - 1);
  return 2 ** exponent + (sub + 1) * 2 ** (exponent - SUB_BITS);
}

export interface Percentiles {
  /** Values that the percentiles are of: all since the store was opened, or, after billions, halved now and then. */
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Upper ends of the buckets in which the percentiles fall. */
export function percentiles(buckets: Uint32Array): Percentiles {
  let count = 0;
  for (const n of buckets) count += n;
  return {
    count,
    p50: quantile(buckets, count, 0.5),
    p95: quantile(buckets, count, 0.95),
    p99: quantile(buckets, count, 0.99),
    max: quantile(buckets, count, 1),
  };
}

function quantile(buckets: Uint32Array, count: number, share: number): number {
  if (count === 0) return 0;
  let left = Math.ceil(count * share);
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    left -= buckets[bucket];
    if (left <= 0) return bucketEnd(bucket);
  }
  return bucketEnd(buckets.length - 1);
}
