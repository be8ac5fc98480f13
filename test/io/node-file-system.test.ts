import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaseStoreError } from '../../src/errors.js';
import { ensureDirectory } from '../../src/io/ensure-directory.js';
import { errnoName, ioError, isDiskFull, ShortWriteError } from '../../src/io/io-error.js';
import { nodeFileSystem } from '../../src/io/node-file-system.js';

const files = nodeFileSystem();
const root = fs.mkdtempSync(join(tmpdir(), 'holdfast-io-'));
test.after(() => fs.rmSync(root, { recursive: true, force: true }));

const text = (value: string) => new TextEncoder().encode(value);
const modeOf = (path: string) => fs.statSync(path).mode & 0o777;

function failure(call: () => unknown): LeaseStoreError {
  try {
    call();
  } catch (error) {
    assert.instance(error, LeaseStoreError);
    return error as LeaseStoreError;
  }
  throw new Error('it did not fail');
}

test('a file is written and read at positions, cut, and closed twice', () => {
  const path = join(root, 'a');
  const file = files.open(path, 'create');
  file.write(text('xxhelloxx'), 2, 7, 0);
  file.write(text('HELLO'), 0, 5, 7);
  assert.is(file.size(), 12);
  file.fdatasync();
  file.truncate(9);
  file.fsync();
  const into = new Uint8Array(new SharedArrayBuffer(12));
  assert.is(file.read(into, 1, 11, 0), 9, 'short only at the end of the file');
  assert.is(Buffer.from(into).toString(), '\0hello\0\0HE\0\0');
  assert.is(file.read(into, 0, 4, 9), 0);
  file.close();
  file.close();
  assert.equal(files.readFile(path), text('hello\0\0HE'));
  assert.equal(files.stat(path), { kind: 'file', bytes: 9 });
});

test('create refuses a taken name; read and write refuse a missing one', () => {
  const path = join(root, 'taken');
  files.open(path, 'create').close();
  assert.match(failure(() => files.open(path, 'create')).message, /open .*taken failed: EEXIST; /);
  for (const mode of ['read', 'write'] as const) {
    const error = failure(() => files.open(join(root, 'missing'), mode));
    assert.is(error.code, 'ERR_HOLDFAST_IO');
    assert.match(error.message, /ENOENT/);
    assert.is(errnoName(error.cause), 'ENOENT');
  }
});

test('links, pipes and directories are refused where a file belongs, without waiting', () => {
  const target = join(root, 'target');
  files.open(target, 'create').close();
  fs.symlinkSync(target, join(root, 'link'));
  fs.symlinkSync(join(root, 'nowhere'), join(root, 'dangling'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  fs.mkdirSync(join(root, 'folder'));
  for (const mode of ['read', 'write'] as const) {
    assert.match(failure(() => files.open(join(root, 'link'), mode)).message, /ELOOP|EMLINK/);
    assert.match(failure(() => files.open(join(root, 'pipe'), mode)).message, /not a regular file/);
    failure(() => files.open(join(root, 'folder'), mode));
  }
  failure(() => files.open(join(root, 'dangling'), 'create'));
  assert.not(fs.existsSync(join(root, 'nowhere')), 'created through a link');
  assert.equal(files.stat(join(root, 'link'))?.kind, 'other');
});

test('names: list, rename over a file, unlink, remove a tree, missing things', () => {
  const directory = join(root, 'names');
  assert.is(files.makeDirectory(directory), true);
  assert.is(files.makeDirectory(directory), false);
  for (const name of ['b', 'a', 'B']) files.open(join(directory, name), 'create').close();
  assert.equal(files.list(directory), ['B', 'a', 'b']);
  files.rename(join(directory, 'a'), join(directory, 'b'));
  files.syncDirectory(directory);
  files.unlink(join(directory, 'B'));
  assert.equal(files.list(directory), ['b']);
  assert.is(files.stat(join(directory, 'a')), undefined);
  assert.match(failure(() => files.stat(join(directory, 'b', 'below'))).message, /ENOTDIR; check the path/);
  failure(() => files.unlink(join(directory, 'a')));
  assert.match(
    failure(() => files.rename(join(directory, 'a'), join(directory, 'c'))).message,
    /a to .*c failed: ENOENT/,
  );
  failure(() => files.makeDirectory(join(directory, 'b')));
  failure(() => files.syncDirectory(join(directory, 'b')));
  failure(() => files.list(join(directory, 'none')));
  ensureDirectory(files, join(directory, 'x', 'y', 'z'));
  ensureDirectory(files, join(directory, 'x', 'y', 'z'));
  assert.equal(files.stat(join(directory, 'x', 'y', 'z'))?.kind, 'directory');
  files.removeTree(directory);
  files.removeTree(directory);
  assert.is(files.stat(directory), undefined);
});

test('files are 0600 and directories 0700 under every umask', () => {
  const before = process.umask();
  try {
    for (const umask of [0, 0o022, 0o777]) {
      process.umask(umask);
      const directory = join(root, `umask-${umask}`);
      files.makeDirectory(directory);
      assert.is(modeOf(directory), 0o700);
      files.open(join(directory, 'f'), 'create').close();
      assert.is(modeOf(join(directory, 'f')), 0o600);
    }
  } finally {
    process.umask(before);
  }
});

test('a write that the system cuts short says how far it came, and that there is no room', () => {
  const path = join(root, 'limited');
  const script = `
    const { nodeFileSystem } = await import(process.argv[1]);
    const file = nodeFileSystem().open(process.argv[2], 'create');
    try {
      file.write(new Uint8Array(10000), 0, 10000, 0);
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, message: error.message, retryable: error.retryable,
        written: error.cause.bytesWritten, size: file.size() }));
    }`;
  const module = new URL('../../src/io/node-file-system.js', import.meta.url).href;
  // A limit on the size of a file stops a write as a full disk does: a short count first, a reason only when asked again.
  const limited = ['-c', 'ulimit -f 8; exec "$@"', 'bash', process.execPath, '--input-type=module', '-e', script];
  const run = spawnSync('bash', [...limited, module, path], { encoding: 'utf8' });
  assert.is(run.status, 0, run.stderr);
  const answer = JSON.parse(run.stdout);
  assert.is(answer.code, 'ERR_HOLDFAST_DISK_FULL');
  assert.is(answer.retryable, true);
  assert.is(answer.written, 8192);
  assert.is(answer.size, 8192);
  assert.match(answer.message, /write to .*limited failed: EFBIG after 8192 of 10000 bytes; /);
});

test('errors that Node cannot name are told by their number', () => {
  const quota = Object.assign(new Error('UNKNOWN'), {
    code: 'UNKNOWN',
    errno: process.platform === 'linux' ? -122 : -69,
  });
  assert.is(errnoName(quota), 'EDQUOT');
  assert.is(isDiskFull(quota), true);
  assert.is(ioError('write to', '/x', quota).code, 'ERR_HOLDFAST_DISK_FULL');
  assert.is(isDiskFull(ioError('write to', '/x', quota)), true);
  assert.is(isDiskFull(new ShortWriteError(1, 2, 'ENOSPC')), true);
  assert.is(isDiskFull(Object.assign(new Error('EIO'), { code: 'EIO', errno: -5 })), false);
  assert.is(isDiskFull(undefined), false);
  assert.is(errnoName('EIO'), undefined);
  assert.is(ioError('read', '/x', Object.assign(new Error('EIO'), { code: 'EIO' })).retryable, false);
});

test.run();
