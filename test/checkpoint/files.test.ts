import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkpointPath,
  keepNewest,
  listCheckpoints,
  removeTemporaries,
  temporaryPath,
} from '../../src/checkpoint/files.js';
import { seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';

const DIRECTORY = '/shard';

function disk(...lsns: number[]): FaultFileSystem {
  const files = new FaultFileSystem();
  files.makeDirectory(DIRECTORY);
  files.syncDirectory('/');
  for (const lsn of lsns) files.open(checkpointPath(DIRECTORY, lsn), 'create').close();
  files.syncDirectory(DIRECTORY);
  return files;
}

const cuts = (files: FaultFileSystem) => listCheckpoints(files, DIRECTORY).map((checkpoint) => checkpoint.cutLsn);

test('checkpoints are listed newest first, by any safe integer', () => {
  const files = disk(7, Number.MAX_SAFE_INTEGER, 0, 100);
  for (const name of ['checkpoint-7.ckpt', 'checkpoint-0000000000000007.ckpt.bak', 'wal-0000000001.log']) {
    files.open(`${DIRECTORY}/${name}`, 'create').close();
  }
  assert.equal(cuts(files), [Number.MAX_SAFE_INTEGER, 100, 7, 0]);
  assert.is(listCheckpoints(files, DIRECTORY)[2].path, checkpointPath(DIRECTORY, 7));
});

test('the newest are kept, durably', () => {
  const files = disk(1, 2, 3, 4);
  assert.equal(
    keepNewest(files, DIRECTORY, 2).map((checkpoint) => checkpoint.cutLsn),
    [4, 3],
  );
  for (const image of files.images(seed, 10)) assert.equal(cuts(image), [4, 3]);
  const { steps } = files;
  assert.equal(keepNewest(files, DIRECTORY, 2).length, 2);
  assert.is(files.steps, steps);
  assert.throws(() => keepNewest(files, DIRECTORY, 0), /must not go/);
});

test('only temporaries are removed', () => {
  const files = disk(1);
  for (const path of [temporaryPath(DIRECTORY, 2), temporaryPath(DIRECTORY, 3), `${DIRECTORY}/manifest.tmp`]) {
    files.open(path, 'create').close();
  }
  assert.is(removeTemporaries(files, DIRECTORY), 2);
  assert.equal(files.list(DIRECTORY), ['checkpoint-0000000000000001.ckpt', 'manifest.tmp']);
});

test.run();
