import * as fs from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { File, FileSystem, OpenMode } from '../../src/io/file-system.js';
import { errnoName, isDiskFull, ShortWriteError } from '../../src/io/io-error.js';
import { nodeFileSystem } from '../../src/io/node-file-system.js';
import { scaled, seed, temporaryDirectory } from './env.js';
import { CrashError, FaultFileSystem } from './fault-file-system.js';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (files: FileSystem, path: string) =>
  files.stat(path) === undefined ? undefined : Buffer.from(files.readFile(path)).toString('latin1');
const put = (file: File, text: string, position: number) => file.write(bytesOf(text), 0, text.length, position);

/** A disk with one durable, empty file in it, open. */
function withFile(): { files: FaultFileSystem; file: File } {
  const files = new FaultFileSystem();
  const file = files.open('/f', 'create');
  files.syncDirectory('/');
  return { files, file };
}

/** Every content that the file has in some image. */
function contents(files: FaultFileSystem, path: string, limit = 2000): Set<string | undefined> {
  return new Set([...files.images(seed, limit)].map((image) => textOf(image, path)));
}

function errorOf(call: () => unknown): Error & { cause?: unknown } {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

test('what was synced is in every image, byte for byte; nothing else is left to chance', () => {
  const { files, file } = withFile();
  put(file, 'hello', 0);
  file.fdatasync();
  assert.equal(contents(files, '/f'), new Set(['hello']));
  assert.is([...files.images(seed, 100)].length, 1);
});

test('an unsynced write is there, missing, torn at every byte, or only its length is there', () => {
  const { files, file } = withFile();
  put(file, 'ab', 0);
  file.fdatasync();
  put(file, 'cdef', 2);
  assert.equal(contents(files, '/f'), new Set(['ab', 'abc', 'abcd', 'abcde', 'abcdef', 'ab\0\0\0\0']));
});

test('an overwrite leaves old bytes or new ones, never others', () => {
  const { files, file } = withFile();
  put(file, 'aaaa', 0);
  file.fdatasync();
  put(file, 'bbb', 1);
  assert.equal(contents(files, '/f'), new Set(['aaaa', 'abaa', 'abba', 'abbb']));
});

test('later writes overtake earlier ones, and sectors each other', () => {
  const { files, file } = withFile();
  put(file, 'a'.repeat(512), 0);
  put(file, 'b'.repeat(1024), 512);
  const seen = contents(files, '/f', 5000);
  const zeros = '\0'.repeat(512);
  const [a, b] = ['a'.repeat(512), 'b'.repeat(512)];
  for (const expected of ['', a, a + b, a + b + b, zeros + b + b, a + zeros + b, a + b + zeros, a + zeros + zeros]) {
    assert.ok(seen.has(expected), `no image with ${expected.replace(/(.)\1+/g, '$1')}`);
  }
});

test('a cut that was not synced may be undone, with what was written after it in place', () => {
  const { files, file } = withFile();
  put(file, 'good', 0);
  file.fdatasync();
  put(file, 'BAD!', 4);
  file.truncate(4);
  put(file, 'ok', 4);
  const seen = contents(files, '/f');
  for (const expected of ['good', 'goodok', 'goodBAD!', 'goodokD!', 'goodo', 'good\0\0'])
    assert.ok(seen.has(expected), expected);
});

test('a new file needs its directory synced: its own sync keeps only its bytes', () => {
  const files = new FaultFileSystem();
  const file = files.open('/f', 'create');
  put(file, 'x', 0);
  file.fsync();
  assert.equal(contents(files, '/f'), new Set([undefined, 'x']));
  files.syncDirectory('/');
  assert.equal(contents(files, '/f'), new Set(['x']));
});

test('a rename goes either way until its directory is synced, never half; a name can come before its bytes', () => {
  const { files, file } = withFile();
  put(file, 'old', 0);
  file.fsync();
  const temporary = files.open('/t', 'create');
  put(temporary, 'new', 0);
  files.rename('/t', '/f');
  assert.equal(contents(files, '/f'), new Set(['old', '', 'n', 'ne', 'new', '\0\0\0']));
  temporary.fsync();
  assert.equal(contents(files, '/f'), new Set(['old', 'new']));
  for (const image of files.images(seed, 100)) {
    assert.not(textOf(image, '/f') === 'new' && image.stat('/t') !== undefined, 'under both names');
  }
  files.syncDirectory('/');
  assert.equal(contents(files, '/f'), new Set(['new']));
});

test('a removal may be undone until its directory is synced; a lost directory takes its files along', () => {
  const { files } = withFile();
  files.unlink('/f');
  assert.equal(contents(files, '/f'), new Set([undefined, '']));
  files.makeDirectory('/d');
  const file = files.open('/d/g', 'create');
  put(file, 'x', 0);
  file.fsync();
  files.syncDirectory('/d');
  assert.equal(contents(files, '/d/g'), new Set([undefined, 'x']));
  files.syncDirectory('/');
  assert.equal(contents(files, '/d/g'), new Set(['x']));
});

test('after a failed sync no later one makes the old bytes certain', () => {
  const { files, file } = withFile();
  put(file, 'a', 0);
  files.inject({ code: 'EIO', operation: 'fdatasync' });
  assert.match(errorOf(() => file.fdatasync()).message, /fdatasync \/f failed: EIO; /);
  put(file, 'b', 1);
  file.fdatasync();
  assert.equal(contents(files, '/f'), new Set(['ab', '\0b']));

  const names = new FaultFileSystem();
  names.open('/n', 'create').close();
  names.inject({ code: 'EIO', operation: 'syncDirectory' });
  errorOf(() => names.syncDirectory('/'));
  names.syncDirectory('/');
  assert.equal(contents(names, '/n'), new Set([undefined, '']));
});

test('a killed process loses nothing, and settles nothing', () => {
  const { files, file } = withFile();
  put(file, 'a', 0);
  files.open('/g', 'create').close();
  files.crash();
  assert.throws(
    () => files.stat('/f'),
    (error: Error) => error instanceof CrashError,
  );
  const killed = files.afterKill();
  assert.is(textOf(killed, '/f'), 'a');
  assert.equal(contents(killed, '/f'), new Set(['', 'a', '\0']));
  assert.equal(contents(killed, '/g'), new Set([undefined, '']));
  const again = killed.open('/f', 'write');
  again.fdatasync();
  assert.equal(contents(killed, '/f'), new Set(['a']));
  assert.ok(contents(files, '/f').size > 1, 'the copy is on its own');
});

test('a crash at a step: all before it happened, nothing of it or after it, whatever is tried', () => {
  const history = (files: FaultFileSystem): void => {
    const file = files.open('/f', 'create');
    try {
      files.syncDirectory('/');
      put(file, 'ab', 0);
      file.fdatasync();
      files.rename('/f', '/g');
      files.unlink('/g');
    } finally {
      file.close();
    }
  };
  const whole = new FaultFileSystem();
  history(whole);
  assert.is(whole.steps, 6);
  const expected = [undefined, '', '', 'ab', 'ab', 'g:ab'];
  for (let step = 1; step <= whole.steps; step++) {
    const files = new FaultFileSystem();
    files.crashAt(step);
    assert.instance(
      errorOf(() => history(files)),
      CrashError,
    );
    assert.is(files.openFiles, 0);
    assert.is(files.steps, step - 1);
    for (const call of [() => files.list('/'), () => files.open('/f', 'read'), () => files.removeTree('/f')]) {
      assert.instance(errorOf(call), CrashError);
    }
    const after = files.afterKill();
    const found = textOf(after, '/f') ?? (after.stat('/g') === undefined ? undefined : `g:${textOf(after, '/g')}`);
    assert.is(found, expected[step - 1], `step ${step}`);
  }
});

test('faults strike the calls they are meant for, as often as they are meant to', () => {
  const { files, file } = withFile();
  files.inject({ code: 'EIO', operation: 'write', nth: 2, times: 2 });
  put(file, 'a', 0);
  assert.match(errorOf(() => put(file, 'b', 1)).message, /write \/f failed: EIO/);
  errorOf(() => put(file, 'b', 1));
  put(file, 'b', 1);
  assert.is(textOf(files, '/f'), 'ab');

  files.inject({ code: 'EDQUOT', operation: 'write', bytesWritten: 2 });
  const short = errorOf(() => put(file, 'cdef', 2));
  assert.ok(isDiskFull(short));
  assert.instance(short.cause, ShortWriteError);
  assert.is((short.cause as ShortWriteError).bytesWritten, 2);
  assert.is(textOf(files, '/f'), 'abcd');

  files.inject({ code: 'EMFILE', operation: 'open', path: /g$/, times: Number.POSITIVE_INFINITY });
  files.open('/f', 'read').close();
  for (let i = 0; i < 3; i++) assert.match(errorOf(() => files.open('/g', 'create')).message, /EMFILE/);
  assert.is(files.stat('/g'), undefined);
  files.clearFaults();
  files.open('/g', 'create').close();
});

test('a full disk takes what fits, and the rest when there is room', () => {
  const { files, file } = withFile();
  const other = files.open('/g', 'create');
  put(other, 'xxx', 0);
  files.capacityBytes = 8;
  const error = errorOf(() => put(file, 'abcdefgh', 0));
  assert.ok(isDiskFull(error));
  assert.is((error.cause as ShortWriteError).bytesWritten, 5);
  assert.is(textOf(files, '/f'), 'abcde');
  put(file, 'ABC', 0);
  other.truncate(0);
  put(file, 'fgh', 5);
  assert.is(textOf(files, '/f'), 'ABCdefgh');
});

/** Calls that mean the same on any file system. */
type Call =
  | { do: 'open'; path: string; mode: OpenMode }
  | { do: 'write'; position: number; bytes: number }
  | { do: 'read'; position: number; bytes: number }
  | { do: 'truncate'; length: number }
  | { do: 'sync' }
  | { do: 'close' }
  | { do: 'mkdir' | 'unlink' | 'removeTree' | 'list' | 'stat' | 'syncDirectory'; path: string }
  | { do: 'rename'; directory: string; from: string; to: string };

const NAMES = ['a', 'b', 'c'];
const name = fc.constantFrom(...NAMES);
const directory = fc.constantFrom('', '/d', '/e');
const path = fc.tuple(directory, fc.constantFrom(...NAMES, 'd')).map(([above, below]) => `${above}/${below}`);
const position = fc.nat(40);
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ do: fc.constant('open'), path, mode: fc.constantFrom('read', 'write', 'create') } as const),
  fc.record({ do: fc.constantFrom('write', 'read'), position, bytes: fc.nat(20) } as const),
  fc.record({ do: fc.constantFrom('write', 'read'), position, bytes: fc.nat(20) } as const),
  fc.record({ do: fc.constant('truncate'), length: position } as const),
  fc.constant({ do: 'sync' } as const),
  fc.constant({ do: 'close' } as const),
  fc.record({ do: fc.constantFrom('mkdir'), path: fc.constantFrom('/d', '/e', '/d/d') } as const),
  fc.record({ do: fc.constantFrom('unlink', 'list', 'stat', 'syncDirectory', 'removeTree'), path } as const),
  fc.record({ do: fc.constant('rename'), directory, from: name, to: fc.constantFrom(...NAMES, 'd') } as const),
);

/** Makes the call on the file opened last; answers what it answered, or the name of the error. */
class Caller {
  readonly #files: FileSystem;
  readonly #root: string;
  #file: File | undefined;

  constructor(files: FileSystem, root: string) {
    this.#files = files;
    this.#root = root;
  }

  make(it: Call): unknown {
    try {
      return this.#make(it);
    } catch (error) {
      const cause = (error as Error).cause;
      return errnoName(cause) ?? (cause as Error).message;
    }
  }

  #make(it: Call): unknown {
    const files = this.#files;
    const at = (below: string): string => join(this.#root, below);
    switch (it.do) {
      case 'open': {
        const file = files.open(at(it.path), it.mode);
        this.#file?.close();
        this.#file = file;
        return file.size();
      }
      case 'write':
        this.#file?.write(new Uint8Array(it.bytes + 2).fill(it.position + 65), 1, it.bytes + 1, it.position);
        return this.#file?.size();
      case 'read': {
        const into = new Uint8Array(24);
        return [this.#file?.read(into, 2, it.bytes, it.position), into];
      }
      case 'truncate':
        this.#file?.truncate(it.length);
        return this.#file?.size();
      case 'sync':
        return this.#file?.fdatasync();
      case 'close':
        this.#file?.close();
        this.#file = undefined;
        return undefined;
      case 'mkdir':
        return files.makeDirectory(at(it.path));
      case 'stat': {
        const stat = files.stat(at(it.path));
        return stat?.kind === 'file' ? stat : stat?.kind;
      }
      case 'rename':
        return files.rename(at(`${it.directory}/${it.from}`), at(`${it.directory}/${it.to}`));
      default:
        return files[it.do](at(it.path));
    }
  }

  tree(below = ''): unknown[] {
    const files = this.#files;
    return files.list(join(this.#root, below)).map((name) => {
      const inside = `${below}/${name}`;
      const whole = join(this.#root, inside);
      return files.stat(whole)?.kind === 'file' ? [name, files.readFile(whole)] : [name, this.tree(inside)];
    });
  }
}

test('it answers every call as the real file system does', () => {
  const root = temporaryDirectory();
  let runs = 0;
  fc.assert(
    fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
      const real = join(root, String(runs++));
      fs.mkdirSync(real);
      const memory = new FaultFileSystem();
      memory.makeDirectory('/store');
      const [one, other] = [new Caller(nodeFileSystem(), real), new Caller(memory, '/store')];
      for (const each of calls) assert.equal(other.make(each), one.make(each), JSON.stringify(each));
      assert.equal(other.tree(), one.tree());
      one.make({ do: 'close' });
      fs.rmSync(real, { recursive: true });
    }),
    { seed, numRuns: scaled(300, 20_000) },
  );
});

test('whatever the history: synced bytes under synced names are in every image, and a seed gives equal images', () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 5, maxLength: 40 }), fc.nat(), (calls, imageSeed) => {
      const files = new FaultFileSystem();
      const caller = new Caller(files, '/');
      for (const each of calls) caller.make(each);
      // Whatever is still open stays so, but for one file with all of its path.
      files.removeTree('/anchor');
      files.makeDirectory('/anchor');
      const anchor = files.open('/anchor/f', 'create');
      put(anchor, 'synced', 0);
      anchor.fdatasync();
      files.syncDirectory('/anchor');
      files.syncDirectory('/');
      put(anchor, '!', 6);
      for (const each of calls) caller.make(each);
      const images = [...files.images(imageSeed, 60)];
      for (const image of images) {
        assert.ok(textOf(image, '/anchor/f')?.startsWith('synced'));
        // Nothing is left open in an image: crashed again at once, it is itself.
        assert.equal(
          [...image.images(0, 5)].map((again) => again.digest()),
          [image.digest()],
        );
      }
      const digests = images.map((image) => image.digest());
      assert.is(new Set(digests).size, digests.length, 'no image twice');
      assert.ok(digests.includes(files.digest()), 'all kept is one of them');
      assert.equal(
        [...files.afterKill().images(imageSeed, 60)].map((image) => image.digest()),
        digests,
      );
    }),
    { seed, numRuns: scaled(100, 5000) },
  );
});

test.run();
