import { invalidArgument } from '../errors.js';
import type { Supports } from '../lease-store.js';
import { integerWithin, ownFields } from '../own-fields.js';
import type { Divergence } from './comparisons.js';

export interface ShadowOptions {
  /** Share of the reads whose key is compared in both stores, 0 to 1. Default 0.01. */
  readonly sample?: number;
  /** Per cent of the keys, by hash, that the secondary serves from the start. Default 0. What `moveTo` came to. */
  readonly moved?: number;
  /** Keys that may wait to be mirrored, 1 to 16,777,216. Default 100,000. */
  readonly mirrorPendingMax?: number;
  /** Decides what falls into the sample: numbers from 0 up to 1. Default Math.random. */
  readonly random?: () => number;
}

export interface ShadowMetrics<V = unknown> {
  readonly moved: number;
  readonly mirror: {
    readonly pending: number;
    readonly transferred: number;
    readonly failures: number;
    readonly lastFailure: string | undefined;
    readonly dropped: number;
  };
  readonly compared: number;
  readonly skipped: number;
  readonly divergences: number;
  readonly examples: readonly Divergence<V>[];
  readonly primary: unknown;
  readonly secondary: unknown;
}

export function checkShadowOptions(options: unknown): Required<ShadowOptions> {
  const { sample, moved, mirrorPendingMax, random } = ownFields(options, 'options', [
    'sample',
    'moved',
    'mirrorPendingMax',
    'random',
  ]);
  if (sample !== undefined && !(typeof sample === 'number' && sample >= 0 && sample <= 1)) {
    throw invalidArgument('options.sample', 'a number from 0 to 1', sample);
  }
  if (random !== undefined && typeof random !== 'function')
    throw invalidArgument('options.random', 'a function', random);
  return {
    sample: sample === undefined ? 0.01 : (sample as number),
    moved: moved === undefined ? 0 : checkPercent(moved, 'options.moved'),
    mirrorPendingMax:
      mirrorPendingMax === undefined
        ? 100_000
        : integerWithin(mirrorPendingMax, 'options.mirrorPendingMax', 1, 16 * 1024 * 1024),
    random: random === undefined ? Math.random : (random as () => number),
  };
}

export function checkPercent(percent: unknown, field: string): number {
  if (typeof percent === 'number' && percent >= 0 && percent <= 100) return percent;
  throw invalidArgument(field, 'a number from 0 to 100', percent);
}

/** What two stores can do together. `whole` is the one that serves all keys, if one does. */
export function sharedSupports(a: Supports, b: Supports, whole: Supports | undefined): Supports {
  return {
    persistence: a.persistence && b.persistence,
    synced: a.synced && b.synced,
    syncReads: false,
    snapshots: whole?.snapshots ?? false,
    consistentSnapshots: whole?.consistentSnapshots ?? false,
    backup: whole?.backup ?? false,
    attach: false,
  };
}
