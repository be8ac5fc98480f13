import { join } from 'node:path';
import { CHECKPOINT_HEADER_BYTES } from '../../native-layout/checkpoint-file.js';
import { NODE_BYTES_DEFAULT } from '../../native-layout/format.js';
import { SEGMENT_HEADER_BYTES } from '../../native-layout/wal-frame.js';
import { listCheckpoints } from '../checkpoint/files.js';
import { decodeHeader } from '../checkpoint/header.js';
import type { FileSystem } from '../io/file-system.js';
import { shardDirectory } from '../manifest.js';
import { isDamage } from '../wal/fragments.js';
import { decodeSegmentHeader, listSegments } from '../wal/segment.js';
import { fileStart } from './file-start.js';

/** What has to be known of a store to read its files. */
export interface StoreParts {
  readonly storeId: Uint8Array;
  readonly shards: number;
  readonly nodeBytes: number;
  readonly generation: number;
}

/**
 * What the files of a store say about it whose manifest is gone: the id that most of them name, and the node size of a
 * checkpoint. Of two generations the older one counts if all its shards have files: the newer one was being made from
 * it, or it was about to be removed, and the newer one says the same. Undefined if there are no such files.
 */
export function surmiseParts(files: FileSystem, directory: string): StoreParts | undefined {
  const generations = numbered(files, directory, /^generation-(\d+)$/);
  const found = generations.map((generation) => partsOf(files, directory, generation));
  const usable = found.filter((parts) => parts !== undefined);
  return usable.find(({ whole }) => whole)?.parts ?? usable.at(-1)?.parts;
}

function partsOf(files: FileSystem, directory: string, generation: number) {
  const numbers = numbered(files, join(directory, `generation-${generation}`), /^shard-(\d+)$/);
  const last = numbers.at(-1);
  if (last === undefined) return undefined;
  const votes = new Map<string, number>();
  let nodeBytes: number | undefined;
  let bare = 0;
  for (const shard of numbers) {
    const headers = headersOf(files, shardDirectory(directory, generation, shard));
    for (const { storeId } of headers) {
      const name = Buffer.from(storeId).toString('hex');
      votes.set(name, (votes.get(name) ?? 0) + 1);
    }
    nodeBytes ??= headers.find((header) => header.nodeBytes !== undefined)?.nodeBytes;
    if (headers.length === 0) bare++;
  }
  const elected = [...votes].sort(([, a], [, b]) => b - a)[0]?.[0];
  if (elected === undefined) return undefined;
  return {
    whole: bare === 0 && numbers.length === last + 1,
    parts: {
      storeId: Uint8Array.from(Buffer.from(elected, 'hex')),
      shards: last + 1,
      nodeBytes: nodeBytes ?? NODE_BYTES_DEFAULT,
      generation,
    },
  };
}

/** What the good headers in a shard's directory say. */
function headersOf(files: FileSystem, directory: string): { storeId: Uint8Array; nodeBytes?: number }[] {
  const headers: { storeId: Uint8Array; nodeBytes?: number }[] = [];
  for (const { path } of listCheckpoints(files, directory)) {
    const bytes = fileStart(files, path, CHECKPOINT_HEADER_BYTES);
    try {
      headers.push(decodeHeader(path, bytes).meta);
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
  }
  for (const { path } of listSegments(files, directory)) {
    const header = decodeSegmentHeader(path, fileStart(files, path, SEGMENT_HEADER_BYTES));
    if (typeof header !== 'string') headers.push({ storeId: header.storeId });
  }
  return headers;
}

/** The numbers in names of that pattern, ascending. */
function numbered(files: FileSystem, directory: string, pattern: RegExp): number[] {
  return files
    .list(directory)
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}
