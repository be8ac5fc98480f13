import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FORMAT_VERSION } from '../native-layout/format.js';
import { SEGMENT_HEADER_BYTES } from '../native-layout/wal-frame.js';
import { LeaseStoreError } from '../src/errors.js';
import { ensureDirectory } from '../src/io/ensure-directory.js';
import { nodeFileSystem } from '../src/io/node-file-system.js';
import { generationDirectory, type Manifest, readManifest, shardDirectory, writeManifest } from '../src/manifest.js';
import { seed } from './support/env.js';
import { CrashError, FaultFileSystem } from './support/fault-file-system.js';

const files = nodeFileSystem();
const root = fs.mkdtempSync(join(tmpdir(), 'holdfast-manifest-'));
test.after(() => fs.rmSync(root, { recursive: true, force: true }));

const SAMPLE: Manifest = {
  format: FORMAT_VERSION,
  engine: 'cow-btree',
  storeId: '00112233445566778899aabbccddeeff',
  hashSeed: [0, 1, 0x80000000, 0xffffffff],
  shards: 3,
  nodeBytes: 4096,
  valueEncoding: 'json',
  generation: 1,
  createdAt: '2026-01-02T03:04:05.678Z',
};

let directories = 0;
function freshDirectory(): string {
  const directory = join(root, String(directories++));
  fs.mkdirSync(directory);
  return directory;
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert.instance(error, LeaseStoreError);
    return (error as LeaseStoreError).code;
  }
  return 'none';
}

/** A manifest with a right checksum over whatever `json` is. */
function plant(directory: string, json: string): void {
  const body = `${json}\n`;
  fs.writeFileSync(join(directory, 'manifest'), `${body}crc32 ${crc32(body).toString(16).padStart(8, '0')}\n`);
}

test('what was written is read again, over an older one and over the rest of a torn write', () => {
  const directory = freshDirectory();
  fs.writeFileSync(join(directory, 'manifest.tmp'), 'half a mani');
  writeManifest(files, directory, SAMPLE);
  assert.equal(readManifest(files, directory), SAMPLE);
  const next = { ...SAMPLE, generation: 2, shards: 256, valueEncoding: 'buffer' } as const;
  writeManifest(files, directory, next);
  assert.equal(readManifest(files, directory), next);
  assert.equal(fs.readdirSync(directory), ['manifest']);
});

test('the bytes are those of format 1', () => {
  const directory = freshDirectory();
  writeManifest(files, directory, SAMPLE);
  assert.is(
    fs.readFileSync(join(directory, 'manifest'), 'utf8'),
    '{"format":1,"engine":"cow-btree","storeId":"00112233445566778899aabbccddeeff","hashSeed":[0,1,2147483648,4294967295],' +
      '"shards":3,"nodeBytes":4096,"valueEncoding":"json","generation":1,"createdAt":"2026-01-02T03:04:05.678Z"}\n' +
      'crc32 a90d3142\n',
  );
});

test('every flipped bit and every truncation is damage, and changes nothing', () => {
  const directory = freshDirectory();
  writeManifest(files, directory, SAMPLE);
  const path = join(directory, 'manifest');
  const good = fs.readFileSync(path);
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bad = Buffer.from(good);
    bad[bit >> 3]! ^= 1 << (bit & 7);
    fs.writeFileSync(path, bad);
    assert.is(
      codeOf(() => readManifest(files, directory)),
      'ERR_HOLDFAST_CORRUPT',
      `bit ${bit}`,
    );
    assert.equal(fs.readFileSync(path), bad);
  }
  for (let length = 0; length < good.length; length++) {
    fs.writeFileSync(path, good.subarray(0, length));
    assert.is(
      codeOf(() => readManifest(files, directory)),
      'ERR_HOLDFAST_CORRUPT',
      `${length} bytes`,
    );
  }
  fs.writeFileSync(path, Buffer.concat([good, good]));
  assert.is(
    codeOf(() => readManifest(files, directory)),
    'ERR_HOLDFAST_CORRUPT',
  );
  fs.truncateSync(path, 2 ** 40);
  assert.is(
    codeOf(() => readManifest(files, directory)),
    'ERR_HOLDFAST_CORRUPT',
    'refused unread',
  );
});

test('with a right checksum: a newer version says upgrade, another engine says so, bad fields are damage', () => {
  const directory = freshDirectory();
  const changed = (change: object): string => {
    plant(directory, JSON.stringify({ ...SAMPLE, ...change }));
    return codeOf(() => readManifest(files, directory));
  };
  assert.is(changed({}), 'none');
  assert.is(changed({ format: FORMAT_VERSION + 1, shards: 'of another shape' }), 'ERR_HOLDFAST_FORMAT');
  assert.throws(() => readManifest(files, directory), /newer holdfast .*upgrade/);
  assert.is(changed({ engine: 'btree-of-tomorrow' }), 'ERR_HOLDFAST_FORMAT');
  const bad: Record<string, unknown[]> = {
    format: [0, 1.5, '1', null],
    engine: [null, 7],
    storeId: ['', SAMPLE.storeId.slice(1), SAMPLE.storeId.toUpperCase(), 1],
    hashSeed: [[], [1, 2, 3], [1, 2, 3, -1], [1, 2, 3, 2 ** 32], 'abcd'],
    shards: [0, 257, 1.5],
    nodeBytes: [1024, 3000, 32768],
    valueEncoding: ['xml', null],
    generation: [0, -1, 2 ** 53],
    createdAt: ['yesterday', 5],
  };
  for (const [field, values] of Object.entries(bad)) {
    for (const value of values) {
      assert.is(changed({ [field]: value }), 'ERR_HOLDFAST_CORRUPT', `${field} ${JSON.stringify(value)}`);
    }
    assert.is(changed({ [field]: undefined }), 'ERR_HOLDFAST_CORRUPT', `no ${field}`);
  }
  plant(directory, '{"format":1,}');
  assert.is(
    codeOf(() => readManifest(files, directory)),
    'ERR_HOLDFAST_CORRUPT',
  );
});

test('no manifest: a missing, empty or barely begun directory is free; anything else is not a store', () => {
  const directory = freshDirectory();
  assert.is(readManifest(files, join(directory, 'missing')), undefined);
  assert.is(readManifest(files, directory), undefined);
  fs.writeFileSync(join(directory, 'manifest.tmp'), 'ha');
  fs.writeFileSync(join(directory, 'lock.1.4242.00c0ffee.sock'), '');
  fs.mkdirSync(join(directory, 'lost+found'));
  fs.mkdirSync(shardDirectory(directory, 1, 0), { recursive: true });
  assert.is(readManifest(files, directory), undefined);

  const segment = (id: number) => join(shardDirectory(directory, 1, 0), `wal-000000000${id}.log`);
  fs.writeFileSync(segment(1), Buffer.alloc(SEGMENT_HEADER_BYTES));
  assert.is(readManifest(files, directory), undefined, 'logs that were barely begun');
  for (const [id, bytes] of [
    [1, SEGMENT_HEADER_BYTES + 1],
    [2, 0],
  ]) {
    fs.writeFileSync(segment(id), Buffer.alloc(bytes));
    assert.is(
      codeOf(() => readManifest(files, directory)),
      'ERR_HOLDFAST_FORMAT',
      'a store that lost its manifest',
    );
    fs.unlinkSync(segment(id));
  }
  for (const name of ['notes.txt', 'lock', 'lock.1.sock', '.hidden']) {
    fs.writeFileSync(join(directory, name), '');
    assert.throws(() => readManifest(files, directory), new RegExp(`not a holdfast store.*${name}`));
    fs.unlinkSync(join(directory, name));
  }
  fs.mkdirSync(join(directory, 'photos'));
  assert.is(
    codeOf(() => readManifest(files, directory)),
    'ERR_HOLDFAST_FORMAT',
  );
  fs.rmdirSync(join(directory, 'photos'));
  fs.mkdirSync(join(directory, 'manifest'));
  assert.is(
    codeOf(() => readManifest(files, directory)),
    'ERR_HOLDFAST_CORRUPT',
  );
});

test('at every crash of a write: the old manifest or the new one, whole; the new one once the call returned', () => {
  const older = { ...SAMPLE, generation: 1 };
  const newer = { ...SAMPLE, generation: 2, shards: 7 };
  /** Every disk that a crash at `step` of replacing `before` leaves, and whether the call had returned. */
  const eachImage = (before: Manifest | undefined, check: (found: Manifest | undefined, returned: boolean) => void) => {
    let returned = false;
    let checked = 0;
    for (let step = 1; !returned; step++) {
      const disk = new FaultFileSystem();
      ensureDirectory(disk, '/store');
      if (before !== undefined) writeManifest(disk, '/store', before);
      disk.crashAt(disk.steps + step);
      try {
        writeManifest(disk, '/store', newer);
        returned = true;
      } catch (error) {
        assert.instance(error, CrashError);
      }
      for (const image of disk.images(seed, 1000)) {
        const digest = image.digest();
        check(readManifest(image, '/store'), returned);
        assert.is(image.digest(), digest, 'reading changes nothing');
        // What the crash left behind is no obstacle to the next attempt.
        writeManifest(image, '/store', newer);
        assert.equal(readManifest(image, '/store'), newer);
        checked++;
      }
    }
    assert.ok(checked > 200, `only ${checked} images`);
  };
  eachImage(older, (found, returned) => assert.equal(found, found?.generation === 1 && !returned ? older : newer));
  eachImage(undefined, (found, returned) => assert.equal(found, found === undefined && !returned ? undefined : newer));
});

test('a manifest that cannot be written leaves the old one', () => {
  const disk = new FaultFileSystem();
  ensureDirectory(disk, '/store');
  writeManifest(disk, '/store', SAMPLE);
  for (const operation of ['open', 'write', 'fsync', 'rename'] as const) {
    disk.inject({ code: 'EIO', operation, path: /manifest\.tmp$/ });
    assert.is(
      codeOf(() => writeManifest(disk, '/store', { ...SAMPLE, generation: 2 })),
      'ERR_HOLDFAST_IO',
      operation,
    );
    assert.is(disk.openFiles, 0);
    disk.clearFaults();
    assert.equal(readManifest(disk, '/store'), SAMPLE);
  }
  writeManifest(disk, '/store', { ...SAMPLE, generation: 2 });
  assert.is(readManifest(disk, '/store')?.generation, 2);
});

test('paths', () => {
  assert.is(generationDirectory('/s', 12), '/s/generation-12');
  assert.is(shardDirectory('/s', 12, 255), '/s/generation-12/shard-255');
});

test.run();
