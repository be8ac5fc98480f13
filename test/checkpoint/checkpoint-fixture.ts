import type { CheckpointMeta, CheckpointTree } from '../../src/checkpoint/header.js';
import { openCheckpoint } from '../../src/checkpoint/reader.js';
import { CheckpointWriter } from '../../src/checkpoint/writer.js';
import type { FileSystem } from '../../src/io/file-system.js';

export const META: CheckpointMeta = {
  storeId: Uint8Array.from({ length: 16 }, (_, i) => 0xc0 + i),
  shard: 2,
  nodeBytes: 2048,
  cutLsn: 4711,
  commit: 99,
  storeMs: 1_700_000_000_000,
  tokenCeiling: 2 ** 52,
};

export const EMPTY = new Uint8Array(0);

/** Trees that fit any number of images above 0. */
export function treesOf(images: number): CheckpointTree[] {
  return [
    { root: images, entries: 5 },
    { root: Math.min(1, images), entries: 3 },
    { root: 0, entries: 0 },
  ];
}

/** A published checkpoint of these images; answers its path. */
export function writeCheckpoint(
  files: FileSystem,
  directory: string,
  images: readonly Uint8Array[],
  meta: CheckpointMeta = META,
): string {
  const writer = CheckpointWriter.create(files, directory, meta);
  for (const image of images) writer.append(image, EMPTY);
  writer.finish(treesOf(images.length));
  return writer.publish();
}

/** The images of a checkpoint, copied. */
export function readImages(files: FileSystem, path: string, meta: CheckpointMeta = META): Uint8Array[] {
  const reader = openCheckpoint(files, path, meta.cutLsn, meta);
  try {
    const images: Uint8Array[] = [];
    reader.readNodes((ordinal, image) => {
      if (ordinal !== images.length + 1) throw new Error(`node ${ordinal} after ${images.length}`);
      if (image.byteOffset % 4 !== 0) throw new Error('an image that cannot be seen as words');
      images.push(image.slice());
    });
    return images;
  } finally {
    reader.close();
  }
}
