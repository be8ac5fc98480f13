import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as layout from '../../native-layout/checkpoint-file.js';
import { NODE_BYTES_MAX } from '../../native-layout/format.js';
import { openCheckpoint } from '../../src/checkpoint/reader.js';
import { CheckpointWriter } from '../../src/checkpoint/writer.js';
import { nodeFileSystem } from '../../src/io/node-file-system.js';
import { scaled, seed, temporaryDirectory } from '../support/env.js';
import { CrashError, FaultFileSystem } from '../support/fault-file-system.js';
import { EMPTY, META, readImages, treesOf, writeCheckpoint } from './checkpoint-fixture.js';

const DIRECTORY = '/shard';

function newDisk(): FaultFileSystem {
  const files = new FaultFileSystem();
  files.makeDirectory(DIRECTORY);
  files.syncDirectory('/');
  return files;
}

/** An image whose bytes depend on `n`. */
function imageOf(n: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (n * 31 + i * 7) & 0xff);
}

test('what is written is read, in one piece or two', () => {
  const image = fc.uint8Array({ minLength: 1, maxLength: META.nodeBytes, size: 'max' });
  const property = fc.property(fc.array(fc.tuple(image, fc.nat()), { maxLength: 20 }), (parts) => {
    const files = newDisk();
    const writer = CheckpointWriter.create(files, DIRECTORY, META);
    parts.forEach(([bytes, cut], i) => {
      const at = cut % (bytes.length + 1);
      assert.is(writer.append(bytes.subarray(0, at), bytes.subarray(at)), i + 1);
    });
    const trees = treesOf(parts.length);
    const length = writer.finish(trees);
    const path = writer.publish();
    assert.is(files.stat(path)?.bytes, length);
    const reader = openCheckpoint(files, path, META.cutLsn, META);
    assert.equal(reader.meta, META);
    assert.equal(reader.summary.trees, trees);
    assert.is(reader.summary.images, parts.length);
    reader.close();
    assert.equal(
      readImages(files, path),
      parts.map(([bytes]) => bytes),
    );
    assert.is(files.openFiles, 0);
  });
  fc.assert(property, { seed, numRuns: scaled(200, 5000) });
});

test('a checkpoint of many megabytes, with nodes of the largest size, passes through', () => {
  const files = nodeFileSystem();
  const meta = { ...META, nodeBytes: NODE_BYTES_MAX };
  const images = Array.from({ length: 700 }, (_, n) =>
    imageOf(n, n % 3 === 0 ? NODE_BYTES_MAX : 1 + ((n * 997) % NODE_BYTES_MAX)),
  );
  const path = writeCheckpoint(files, temporaryDirectory(), images, meta);
  const total = files.stat(path)?.bytes ?? 0;
  assert.ok(total > 5 * 1024 * 1024);
  assert.equal(readImages(files, path, meta), images);
  const reader = openCheckpoint(files, path, meta.cutLsn, meta);
  const progress: number[] = [];
  reader.readNodes(
    () => {},
    (done, all) => {
      assert.is(all, total);
      progress.push(done);
    },
  );
  reader.close();
  assert.ok(progress.length > 3 && progress.every((done, i) => i === 0 || done > progress[i - 1]));
});

test('any bit flipped is found, or was padding', () => {
  const files = newDisk();
  const images = [imageOf(1, 40), imageOf(2, 7), imageOf(3, 1)];
  const path = writeCheckpoint(files, DIRECTORY, images);
  const file = files.open(path, 'write');
  const content = files.readFile(path);
  let harmless = 0;
  for (let bit = 0; bit < content.length * 8; bit++) {
    const byte = bit >>> 3;
    file.write(Uint8Array.of(content[byte] ^ (1 << (bit & 7))), 0, 1, byte);
    let found: Uint8Array[] | undefined;
    try {
      found = readImages(files, path);
      harmless++;
    } catch (error) {
      assert.is((error as { code?: string }).code, 'ERR_HOLDFAST_CORRUPT', `bit ${bit}: ${error}`);
      assert.match((error as Error).message, /checkpoint-0000000000004711\.ckpt is damaged at byte \d+: /);
    }
    if (found !== undefined) assert.equal(found, images, `bit ${bit}`);
    file.write(content, byte, byte + 1, byte);
  }
  // The images of 7 and of 1 byte are padded with one and three.
  assert.is(harmless, 4 * 8);
  assert.is(files.openFiles, 1);
});

test('a checkpoint cut off at any byte, or with bytes behind it, is refused when it is opened', () => {
  const files = newDisk();
  const path = writeCheckpoint(files, DIRECTORY, [imageOf(1, 40), imageOf(2, 7)]);
  const file = files.open(path, 'write');
  const length = file.size();
  const open = () => openCheckpoint(files, path, META.cutLsn, META).close();
  file.truncate(length + 4);
  assert.throws(open, /damaged/);
  for (let cut = length - 1; cut >= 0; cut--) {
    file.truncate(cut);
    assert.throws(open, /damaged/, `cut at ${cut}`);
  }
});

test('images swapped, left out or taken from another checkpoint are found', () => {
  const files = newDisk();
  const [a, b] = [imageOf(1, 8), imageOf(2, 8)];
  const path = writeCheckpoint(files, DIRECTORY, [a, b]);
  const other = writeCheckpoint(files, DIRECTORY, [b, a], { ...META, cutLsn: 4712 });
  const content = files.readFile(path);
  const footer = content.length - layout.CHECKPOINT_FOOTER_BYTES;
  const second = layout.CHECKPOINT_HEADER_BYTES + layout.IMAGE_HEADER_BYTES + a.length;
  const [head, imageA, imageB] = [
    content.subarray(0, layout.CHECKPOINT_HEADER_BYTES),
    content.subarray(layout.CHECKPOINT_HEADER_BYTES, second),
    content.subarray(second, footer),
  ];
  const expectDamage = (middle: readonly Uint8Array[], why: RegExp) => {
    const file = files.open(path, 'write');
    const bytes = Buffer.concat([head, ...middle, content.subarray(footer)]);
    file.truncate(bytes.length);
    file.write(bytes, 0, bytes.length, 0);
    file.close();
    assert.throws(() => readImages(files, path), why);
  };
  expectDamage([imageB, imageA], /the footer tells of 2 other nodes than the 2 in the file/);
  expectDamage([imageA], /the footer tells of \d+ bytes where there are/);
  const foreign = files.readFile(other).subarray(second, footer);
  expectDamage([foreign, imageB], /node 1 does not match its checksum/);
});

test('a checkpoint of another owner, cut or version is refused', () => {
  const files = newDisk();
  const path = writeCheckpoint(files, DIRECTORY, [imageOf(1, 8)]);
  const openAs = (owner: Partial<typeof META>) => () => openCheckpoint(files, path, META.cutLsn, { ...META, ...owner });
  assert.throws(openAs({ storeId: new Uint8Array(16) }), /belongs to another store/);
  assert.throws(openAs({ shard: 1 }), /belongs to shard 2, not 1/);
  assert.throws(openAs({ nodeBytes: 4096 }), /nodes are 2048 bytes long, those of the store 4096/);
  assert.throws(() => openCheckpoint(files, path, 4710, META), /ends at LSN 4711, its name says 4710/);
  const file = files.open(path, 'write');
  const header = Buffer.from(files.readFile(path).subarray(0, layout.CHECKPOINT_HEADER_BYTES));
  header.writeUInt32LE(2, layout.CHECKPOINT_VERSION * 4);
  header.writeUInt32LE(crc32(header.subarray(layout.CHECKPOINT_CHECKED_BYTE)), layout.CHECKPOINT_CRC * 4);
  file.write(header, 0, header.length, 0);
  file.close();
  assert.throws(openAs({}), (error: { code: string }) => error.code === 'ERR_HOLDFAST_FORMAT');
  assert.is(files.openFiles, 0);
});

test('only a finished checkpoint is published, only images of nodes are appended', () => {
  const writer = CheckpointWriter.create(newDisk(), DIRECTORY, META);
  assert.throws(() => writer.append(EMPTY, EMPTY), /not an image/);
  assert.throws(() => writer.append(new Uint8Array(META.nodeBytes), new Uint8Array(1)), /not an image/);
  assert.throws(() => writer.publish(), /only a finished/);
  assert.throws(() => writer.finish(treesOf(1)), /a root that was not written/);
});

test('an aborted or interrupted checkpoint leaves nothing that counts, and does not stop the next', () => {
  const files = newDisk();
  const images = [imageOf(1, 100)];
  CheckpointWriter.create(files, DIRECTORY, META).abort();
  assert.equal(files.list(DIRECTORY), []);
  CheckpointWriter.create(files, DIRECTORY, META).append(images[0], EMPTY);
  assert.equal(files.list(DIRECTORY), ['checkpoint-0000000000004711.ckpt.tmp']);
  assert.equal(readImages(files, writeCheckpoint(files, DIRECTORY, images)), images);
});

test('a checkpoint whose name could not be made durable is whole, and aborting leaves it', () => {
  const files = newDisk();
  const writer = CheckpointWriter.create(files, DIRECTORY, META);
  writer.finish(treesOf(0));
  files.inject({ code: 'EIO', operation: 'syncDirectory' });
  assert.throws(() => writer.publish(), /EIO/);
  writer.abort();
  assert.equal(readImages(files, `${DIRECTORY}/checkpoint-0000000000004711.ckpt`), []);
});

test('a full disk is reported, and the remains can be removed', () => {
  const files = newDisk();
  files.capacityBytes = 3000;
  const writer = CheckpointWriter.create(files, DIRECTORY, META);
  const image = imageOf(1, META.nodeBytes);
  assert.throws(
    () => {
      for (let n = 0; n < 1000; n++) writer.append(image, EMPTY);
    },
    (error: { code: string }) => error.code === 'ERR_HOLDFAST_DISK_FULL',
  );
  writer.abort();
  assert.equal(files.list(DIRECTORY), []);
  assert.is(files.openFiles, 0);
});

test('after a power cut at any step there is the whole checkpoint, or none; and once published there is', () => {
  const images = [imageOf(1, 900), imageOf(2, 900)];
  let whole = 0;
  let none = 0;
  for (let step = 1, published = false; !published; step++) {
    const files = newDisk();
    files.crashAt(files.steps + step);
    try {
      writeCheckpoint(files, DIRECTORY, images);
      published = true;
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
    }
    for (const image of files.images(seed, 200)) {
      const path = `${DIRECTORY}/checkpoint-0000000000004711.ckpt`;
      if (image.stat(path) === undefined) {
        assert.not(published, 'a published checkpoint is gone');
        none++;
        continue;
      }
      assert.equal(readImages(image, path), images);
      whole++;
    }
  }
  assert.ok(whole >= 2 && none > 10);
});

test.run();
