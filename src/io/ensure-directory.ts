import { dirname } from 'node:path';
import type { FileSystem } from './file-system.js';

/** Makes the directory and those above it that are missing (0700), each durable in the one above it. */
export function ensureDirectory(files: FileSystem, path: string): void {
  const parent = dirname(path);
  if (parent !== path && files.stat(parent) === undefined) ensureDirectory(files, parent);
  if (files.makeDirectory(path)) files.syncDirectory(parent);
}
