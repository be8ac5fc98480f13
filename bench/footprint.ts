import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK_BYTES = 512;

export interface Footprint {
  /** Resident memory of the process, mapped files included. */
  readonly residentBytes: number;
  /** What the files under the directory take on the disk. */
  readonly fileBytes: number;
}

/** What the process and its files take now, garbage left out where `--expose-gc` allows that. */
export function footprint(directory: string): Footprint {
  globalThis.gc?.();
  return { residentBytes: process.memoryUsage.rss(), fileBytes: fileBytes(directory) };
}

/** Blocks that the files under a directory occupy, in bytes. */
export function fileBytes(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const stat = lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    bytes += (stat?.blocks ?? 0) * BLOCK_BYTES;
  }
  return bytes;
}
