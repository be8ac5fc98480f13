import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureDirectory } from '../../src/io/ensure-directory.js';
import { seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';

test('every missing directory is made, and on the disk when the call returns', () => {
  const files = new FaultFileSystem();
  files.makeDirectory('/a');
  files.syncDirectory('/');
  ensureDirectory(files, '/a/b/c');
  for (const image of files.images(seed, 20)) assert.is(image.stat('/a/b/c')?.kind, 'directory');
});

test('what is there costs no step', () => {
  const files = new FaultFileSystem();
  ensureDirectory(files, '/a/b');
  const { steps } = files;
  ensureDirectory(files, '/a/b');
  assert.ok(files.steps <= steps + 1, 'at most the attempt to make the last one');
});

test('a failure is told', () => {
  const files = new FaultFileSystem();
  files.inject({ code: 'EROFS', operation: 'mkdir' });
  assert.throws(() => ensureDirectory(files, '/a'), /EROFS/);
  files.inject({ code: 'EIO', operation: 'syncDirectory' });
  assert.throws(() => ensureDirectory(files, '/a'), /EIO/);
});

test.run();
