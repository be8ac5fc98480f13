import { basename, join } from 'node:path';
import { FORMAT_VERSION, NODE_BYTES_MAX, NODE_BYTES_MIN, SHARDS_MAX } from '../native-layout/format.js';
import { SEGMENT_HEADER_BYTES } from '../native-layout/wal-frame.js';
import { LeaseStoreError } from './errors.js';
import type { FileSystem } from './io/file-system.js';
import { parseLockName } from './io/lock-name.js';
import { damaged, readSealed, temporaryNameOf, writeSealed } from './sealed-file.js';
import { FIRST_SEGMENT_ID, segmentName } from './wal/segment.js';

export type ValueEncoding = 'json' | 'utf8' | 'buffer';

/**
 * What a store is, decided when it was made; only a change of the shard count writes it again, with the next
 * generation.
 */
export interface Manifest {
  /** `FORMAT_VERSION` of the holdfast that wrote the store. */
  readonly format: number;
  readonly engine: 'cow-btree';
  /** 16 random bytes in hex: every log segment and checkpoint carries them, so that files of two stores never mix. */
  readonly storeId: string;
  /** Key of the hash that spreads actors over shards: four words of 32 bits. */
  readonly hashSeed: readonly [number, number, number, number];
  readonly shards: number;
  readonly nodeBytes: number;
  readonly valueEncoding: ValueEncoding;
  /** Which generation directory holds the shards; rises by one with each repartitioning. From 1. */
  readonly generation: number;
  /** ISO 8601, by the wall clock of the machine that made the store. */
  readonly createdAt: string;
}

export const MANIFEST_FILE = 'manifest';

const GENERATION_PREFIX = 'generation-';
const GENERATION_NAME = new RegExp(`^${GENERATION_PREFIX}([1-9]\\d{0,14})$`);

/** Holds the shards of one generation. */
export function generationDirectory(directory: string, generation: number): string {
  return join(directory, `${GENERATION_PREFIX}${generation}`);
}

/** The generations that have a directory, also such as are unfinished or no longer in use. */
export function listGenerations(files: FileSystem, directory: string): number[] {
  return files
    .list(directory)
    .map((name) => Number(GENERATION_NAME.exec(name)?.[1] ?? 0))
    .filter((generation) => generation > 0);
}

/** Holds one shard's log segments and checkpoints. */
export function shardDirectory(directory: string, generation: number, shard: number): string {
  return join(generationDirectory(directory, generation), `shard-${shard}`);
}

/**
 * The manifest of the store in `directory`; undefined where a new store may be made: the directory is missing, or holds
 * nothing but lock files and what a creation that was cut off leaves behind (a manifest that was never given its name,
 * generation directories in which no shard has more than the start of a first segment).
 *
 * Changes nothing on disk. Throws `ERR_HOLDFAST_FORMAT` when the directory holds something else or a store that this
 * version does not read, `ERR_HOLDFAST_CORRUPT` when the manifest is damaged.
 */
export function readManifest(files: FileSystem, directory: string): Manifest | undefined {
  const path = join(directory, MANIFEST_FILE);
  if (files.stat(path) === undefined) {
    const foreign = files.stat(directory) === undefined ? undefined : findForeign(files, directory);
    if (foreign === undefined) return undefined;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_FORMAT',
      `${directory} is not a holdfast store: it has no ${MANIFEST_FILE}, but holds ${foreign}; ` +
        'give a directory that is empty or does not exist yet; if it was a store, "holdfast salvage" takes what is left of it',
    );
  }
  return decode(readSealed(files, path), path);
}

/** Makes `manifest` the store's, whole or not at all, and durable when it returns. */
export function writeManifest(files: FileSystem, directory: string, manifest: Manifest): void {
  writeSealed(files, directory, MANIFEST_FILE, manifest);
}

/** What the checksum vouches for is what a holdfast wrote: its version decides before any of its fields does. */
function decode(fields: Record<string, unknown>, path: string): Manifest {
  checkVersion(fields, path);
  for (const [name, holds] of Object.entries(FIELDS)) {
    if (!holds(fields[name])) throw damaged(path, `its field ${name} is missing or out of bounds`);
  }
  return fields as unknown as Manifest;
}

function checkVersion({ format, engine }: Record<string, unknown>, path: string): void {
  if (isInteger(format, FORMAT_VERSION + 1, Number.MAX_SAFE_INTEGER)) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_FORMAT',
      `${path} was written by a newer holdfast (format ${format}, this version reads ${FORMAT_VERSION}); upgrade holdfast`,
    );
  }
  if (typeof engine === 'string' && engine !== 'cow-btree') {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_FORMAT',
      `${path} belongs to a store of the engine '${engine}'; open it with that engine`,
    );
  }
}

const isInteger = (value: unknown, from: number, to: number): boolean =>
  Number.isInteger(value) && (value as number) >= from && (value as number) <= to;

const FIELDS: { readonly [Name in keyof Manifest]: (value: unknown) => boolean } = {
  format: (value) => isInteger(value, 1, FORMAT_VERSION),
  engine: (value) => value === 'cow-btree',
  storeId: (value) => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value),
  hashSeed: (value) =>
    Array.isArray(value) && value.length === 4 && value.every((word) => isInteger(word, 0, 0xffffffff)),
  shards: (value) => isInteger(value, 1, SHARDS_MAX),
  nodeBytes: (value) => isInteger(value, NODE_BYTES_MIN, NODE_BYTES_MAX) && Math.log2(value as number) % 1 === 0,
  valueEncoding: (value) => value === 'json' || value === 'utf8' || value === 'buffer',
  generation: (value) => isInteger(value, 1, Number.MAX_SAFE_INTEGER),
  createdAt: (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
};

/** The first thing in a directory without manifest that no creation of ours leaves behind; undefined when there is none. */
function findForeign(files: FileSystem, directory: string): string | undefined {
  return files.list(directory).find((name) => {
    // The root of an ext4 volume, which is where a container's store often lies.
    if (name === temporaryNameOf(MANIFEST_FILE) || name === 'lost+found' || parseLockName(name) !== undefined)
      return false;
    return !(GENERATION_NAME.test(name) && holdsNoRecord(files, join(directory, name)));
  });
}

/** A store that was ever open has segments with frames in them: nothing is served before the first is on the disk. */
function holdsNoRecord(files: FileSystem, path: string): boolean {
  const stat = files.stat(path);
  if (stat?.kind === 'directory') return files.list(path).every((name) => holdsNoRecord(files, join(path, name)));
  return (
    stat?.kind === 'file' && basename(path) === segmentName(FIRST_SEGMENT_ID) && stat.bytes <= SEGMENT_HEADER_BYTES
  );
}
