import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaseStoreError } from '../src/errors.js';
import { ENGINES, resolveOptions } from '../src/options.js';

const refused = (options: unknown, says: RegExp, environment = {}): void => {
  let error: unknown;
  try {
    resolveOptions(options, environment);
  } catch (thrown) {
    error = thrown;
  }
  assert.instance(error, LeaseStoreError, `expected a refusal that says ${says}`);
  assert.is((error as LeaseStoreError).code, 'ERR_HOLDFAST_INVALID_ARGUMENT');
  assert.match((error as LeaseStoreError).message, says);
};

test('a directory is all that has to be given', () => {
  const options = resolveOptions({ directory: 'leases' }, {});
  assert.equal(options, {
    engine: 'cow-btree',
    directory: resolve('leases'),
    shards: undefined,
    durability: 'written',
    syncIntervalMs: 50,
    waitStrategy: 'adaptive',
    valueEncoding: 'json',
    nodeBytes: undefined,
    memoryBytesMax: Math.min(16 * 1024 ** 3, Math.floor(totalmem() * 0.75)),
    onRestart: 'keep-deadlines',
    checkpointWalBytesMin: 64 * 1024 * 1024,
    sweepIntervalMs: 1000,
    pendingMax: 65_536,
    onProgress: undefined,
  });
});

test('the environment names the engine where the options do not', () => {
  for (const engine of ENGINES) {
    assert.is(resolveOptions({ directory: 'd' }, { HOLDFAST_ENGINE: engine }).engine, engine);
  }
  assert.is(resolveOptions({ engine: 'lsm', directory: 'd' }, { HOLDFAST_ENGINE: 'memory' }).engine, 'lsm');
  assert.is(resolveOptions({ directory: 'd' }, { HOLDFAST_ENGINE: '' }).engine, 'cow-btree');
  refused({ directory: 'd' }, /HOLDFAST_ENGINE.*"leveldb"/, { HOLDFAST_ENGINE: 'leveldb' });
});

test('memory needs no directory and ignores one', () => {
  assert.is(resolveOptions({ engine: 'memory' }, {}).directory, '');
  assert.is(resolveOptions({ engine: 'memory', directory: 'd' }, {}).directory, '');
});

test('every option is held to its kind and bounds', () => {
  const bad: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /options must be an object/],
    [null, /options must be an object/],
    ['leases', /options must be an object/],
    [{}, /directory/],
    [{ directory: '' }, /directory/],
    [{ directory: 7 }, /directory/],
    [{ directory: 'a\0b' }, /NUL/],
    [{ directory: 'd', engine: 'mysql' }, /'cow-btree'/],
    [{ directory: 'd', shards: 0 }, /shards must be an integer from 1 to 256; got number 0/],
    [{ directory: 'd', shards: 257 }, /shards/],
    [{ directory: 'd', shards: 1.5 }, /shards/],
    [{ directory: 'd', shards: '2' }, /shards/],
    [{ directory: 'd', shards: null }, /shards/],
    [{ directory: 'd', syncIntervalMs: 0 }, /syncIntervalMs/],
    [{ directory: 'd', syncIntervalMs: 60_001 }, /syncIntervalMs/],
    [{ directory: 'd', syncIntervalMs: null }, /syncIntervalMs/],
    [{ directory: 'd', waitStrategy: 'sleep' }, /waitStrategy/],
    [{ directory: 'd', nodeBytes: 4095 }, /nodeBytes/],
    [{ directory: 'd', nodeBytes: 32_768 }, /nodeBytes/],
    [{ directory: 'd', memoryBytesMax: 1 }, /memoryBytesMax/],
    [{ directory: 'd', onRestart: true }, /onRestart/],
    [{ directory: 'd', sweepIntervalMs: -1 }, /sweepIntervalMs/],
    [{ directory: 'd', pendingMax: Number.POSITIVE_INFINITY }, /pendingMax/],
    [{ directory: 'd', onProgress: 'log' }, /onProgress/],
    [{ directory: 'd', synced: true }, /"synced"/],
  ];
  for (const [options, says] of bad) refused(options, says);
});

test('options that inherit, throw or change while they are read fool nobody', () => {
  refused(Object.create({ directory: 'inherited' }), /directory/);
  const throwing = Object.defineProperty({}, 'directory', {
    enumerable: true,
    get() {
      throw new TypeError('mine');
    },
  });
  refused(throwing, /reading it threw/);
  let reads = 0;
  const fickle = {
    get directory() {
      reads++;
      return reads === 1 ? 'd' : 7;
    },
  };
  assert.is(resolveOptions(fickle, {}).directory, resolve('d'));
  assert.is(reads, 1);
});

test.run();
