import type { FileSystem } from '../io/file-system.js';
import { isDamage } from '../wal/fragments.js';

/** As much as can be read of the first `length` bytes of a file. */
export function fileStart(files: FileSystem, path: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  try {
    const file = files.open(path, 'read');
    try {
      return bytes.subarray(0, file.read(bytes, 0, length, 0));
    } finally {
      file.close();
    }
  } catch (error) {
    if (isDamage(error)) return bytes.subarray(0, 0);
    throw error;
  }
}
