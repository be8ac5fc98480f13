import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { SHARDS_MAX } from '../native-layout/format.js';
import type { EngineName, Progress } from './lease-store.js';
import { invalidArgument, LeaseStoreError } from './errors.js';
import type { Durability } from './lease.js';
import type { ValueEncoding } from './manifest.js';
import { integerWithin, oneOf, ownFields } from './own-fields.js';

/** How a shard's thread waits for work: spins for a while and then parks, only spins, or parks at once. */
export type WaitStrategy = 'adaptive' | 'spin' | 'park';

/** What becomes of deadlines when a store opens again: they stand, move by the time it was closed, or start over. */
export type OnRestart = 'keep-deadlines' | 'extend-by-downtime' | 'full-ttl';

export interface StoreOptions {
  /** Default: the environment variable `HOLDFAST_ENGINE`, else `'cow-btree'`. */
  readonly engine?: EngineName;
  /** Where the store keeps its files; created if missing. Required by every engine but `'memory'`, which ignores it. */
  readonly directory?: string;
  /**
   * Writer threads, 1-256. Default: what the store has; in a new one, one less than there are cores, at least 1. A store
   * that has another count is given this one as it opens.
   */
  readonly shards?: number;
  /** When a write is acknowledged. Default `'written'`. */
  readonly durability?: Durability;
  /** How long a `'written'` store leaves its log unsynced at most, 1-60,000. Default 50. */
  readonly syncIntervalMs?: number;
  /** Default `'adaptive'`. */
  readonly waitStrategy?: WaitStrategy;
  /** How values are kept and handed out, fixed when the store is made. Default `'json'`. */
  readonly valueEncoding?: ValueEncoding;
  /** Size of a tree node, fixed when the store is made: 2048, 4096, 8192 or 16384. Default: what the store has; in a new one 4096. */
  readonly nodeBytes?: number;
  /** Memory for leases and their trees. Default: three quarters of the machine's, at most 16 GiB. */
  readonly memoryBytesMax?: number;
  /** Default `'keep-deadlines'`. */
  readonly onRestart?: OnRestart;
  /** A checkpoint is not made for less log than this. Default 64 MiB. */
  readonly checkpointWalBytesMin?: number;
  /** How often expired leases are looked for and removed, 1-3,600,000. Default 1,000. */
  readonly sweepIntervalMs?: number;
  /** Operations that may wait before further ones fail with `ERR_HOLDFAST_OVERLOADED`. Default 65,536. */
  readonly pendingMax?: number;
  /** Hears how far opening has come. */
  readonly onProgress?: (progress: Progress) => void;
}

/** Options with their defaults; `undefined` only where the store itself decides. */
export interface ResolvedOptions {
  readonly engine: EngineName;
  /** Absolute; empty in an engine that keeps no files. */
  readonly directory: string;
  readonly shards: number | undefined;
  readonly durability: Durability;
  readonly syncIntervalMs: number;
  readonly waitStrategy: WaitStrategy;
  readonly valueEncoding: ValueEncoding;
  readonly nodeBytes: number | undefined;
  readonly memoryBytesMax: number;
  readonly onRestart: OnRestart;
  readonly checkpointWalBytesMin: number;
  readonly sweepIntervalMs: number;
  readonly pendingMax: number;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

export const ENGINES: readonly EngineName[] = ['cow-btree', 'memory', 'mmap-wal', 'append-log', 'rocksdb', 'lsm'];
const DURABILITIES: readonly Durability[] = ['written', 'synced'];
const WAIT_STRATEGIES: readonly WaitStrategy[] = ['adaptive', 'spin', 'park'];
const VALUE_ENCODINGS: readonly ValueEncoding[] = ['json', 'utf8', 'buffer'];
const ON_RESTART: readonly OnRestart[] = ['keep-deadlines', 'extend-by-downtime', 'full-ttl'];
const NODE_BYTES: readonly number[] = [2048, 4096, 8192, 16384];

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

const SYNC_INTERVAL_MS = { min: 1, max: 60_000, fallback: 50 };
const SWEEP_INTERVAL_MS = { min: 1, max: 3_600_000, fallback: 1000 };
const MEMORY_BYTES_MAX = { min: 8 * MIB, max: 1024 * GIB, fallback: 16 * GIB };
const CHECKPOINT_WAL_BYTES_MIN = { min: 4096, max: 1024 * GIB, fallback: 64 * MIB };
const PENDING_MAX = { min: 1, max: 16 * MIB, fallback: 65_536 };

const NAMES: readonly (keyof StoreOptions)[] = [
  'engine',
  'directory',
  'shards',
  'durability',
  'syncIntervalMs',
  'waitStrategy',
  'valueEncoding',
  'nodeBytes',
  'memoryBytesMax',
  'onRestart',
  'checkpointWalBytesMin',
  'sweepIntervalMs',
  'pendingMax',
  'onProgress',
];

/**
 * Checks the options of a store and fills in defaults. Throws `ERR_HOLDFAST_INVALID_ARGUMENT`, naming the option, what
 * it must be and what came.
 */
export function resolveOptions(
  input: unknown,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ResolvedOptions {
  const given = ownFields(input, 'options', NAMES);
  const engine = engineOf(given.engine, environment.HOLDFAST_ENGINE);
  return {
    engine,
    directory: engine === 'memory' ? '' : directoryOf(given.directory, engine),
    shards: given.shards === undefined ? undefined : integerWithin(given.shards, 'options.shards', 1, SHARDS_MAX),
    durability: word(given.durability, 'durability', DURABILITIES),
    syncIntervalMs: within(given.syncIntervalMs, 'syncIntervalMs', SYNC_INTERVAL_MS),
    waitStrategy: word(given.waitStrategy, 'waitStrategy', WAIT_STRATEGIES),
    valueEncoding: word(given.valueEncoding, 'valueEncoding', VALUE_ENCODINGS),
    nodeBytes: given.nodeBytes === undefined ? undefined : oneOf(given.nodeBytes, 'options.nodeBytes', NODE_BYTES),
    memoryBytesMax: within(given.memoryBytesMax, 'memoryBytesMax', {
      ...MEMORY_BYTES_MAX,
      fallback: Math.min(MEMORY_BYTES_MAX.fallback, Math.floor(totalmem() * 0.75)),
    }),
    onRestart: word(given.onRestart, 'onRestart', ON_RESTART),
    checkpointWalBytesMin: within(given.checkpointWalBytesMin, 'checkpointWalBytesMin', CHECKPOINT_WAL_BYTES_MIN),
    sweepIntervalMs: within(given.sweepIntervalMs, 'sweepIntervalMs', SWEEP_INTERVAL_MS),
    pendingMax: within(given.pendingMax, 'pendingMax', PENDING_MAX),
    onProgress: progressOf(given.onProgress),
  };
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
}

function within(value: unknown, name: string, bounds: Bounds): number {
  return value === undefined ? bounds.fallback : integerWithin(value, `options.${name}`, bounds.min, bounds.max);
}

/** The first word is the default. */
function word<Word extends string>(value: unknown, name: string, words: readonly Word[]): Word {
  return value === undefined ? words[0] : oneOf(value, `options.${name}`, words);
}

function engineOf(given: unknown, flag: string | undefined): EngineName {
  if (given !== undefined) return oneOf(given, 'options.engine', ENGINES);
  if (flag === undefined || flag === '') return 'cow-btree';
  if (ENGINES.includes(flag as EngineName)) return flag as EngineName;
  throw new LeaseStoreError(
    'ERR_HOLDFAST_INVALID_ARGUMENT',
    `the environment variable HOLDFAST_ENGINE must be one of ${ENGINES.join(', ')}; got ${JSON.stringify(flag.slice(0, 40))}`,
  );
}

function directoryOf(given: unknown, engine: EngineName): string {
  if (typeof given !== 'string' || given === '') {
    throw invalidArgument('options.directory', `a path that is not empty (the engine '${engine}' keeps files)`, given);
  }
  if (given.includes('\0')) {
    throw new LeaseStoreError('ERR_HOLDFAST_INVALID_ARGUMENT', 'options.directory must not contain NUL; got one');
  }
  return resolve(given);
}

function progressOf(given: unknown): ((progress: Progress) => void) | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'function') throw invalidArgument('options.onProgress', 'a function', given);
  return given as (progress: Progress) => void;
}
