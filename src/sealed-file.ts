import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { LeaseStoreError } from './errors.js';
import type { File, FileSystem } from './io/file-system.js';

/*
 * A small file that is replaced whole: JSON of one line, then a line with its CRC-32 in hex, so that a person can read
 * it and a flipped bit cannot pass.
 */

/** No such file comes near: a longer one is refused unread. */
const BYTES_MAX = 4096;
const LAYOUT = /^(\{.*\}\n)crc32 ([0-9a-f]{8})\n$/;

/** What a crash in the middle of {@link writeSealed} may leave beside the file. */
export function temporaryNameOf(name: string): string {
  return `${name}.tmp`;
}

/** Puts the file in place, whole or not at all, and durable when it returns. */
export function writeSealed(files: FileSystem, directory: string, name: string, content: object): void {
  const temporary = join(directory, temporaryNameOf(name));
  // A crash in the middle of an earlier write may have left one.
  files.removeTree(temporary);
  const bytes = encode(content);
  const file = files.open(temporary, 'create');
  try {
    writeWhole(file, bytes);
    files.rename(temporary, join(directory, name));
  } catch (error) {
    removeQuietly(files, temporary);
    throw error;
  }
  files.syncDirectory(directory);
}

function writeWhole(file: File, bytes: Uint8Array): void {
  try {
    file.write(bytes, 0, bytes.length, 0);
    file.fsync();
  } finally {
    file.close();
  }
}

/** On a full disk it would be in the way of others. Why it could not be written is what the caller must hear. */
function removeQuietly(files: FileSystem, path: string): void {
  try {
    files.removeTree(path);
  } catch {}
}

/** The content of a file that is there. Throws `ERR_HOLDFAST_CORRUPT` when it is damaged. */
export function readSealed(files: FileSystem, path: string): Record<string, unknown> {
  const stat = files.stat(path);
  if (stat?.kind !== 'file') throw damaged(path, 'it is not a regular file');
  if (stat.bytes > BYTES_MAX) throw damaged(path, `it has ${stat.bytes} bytes, more than any such file`);
  const bytes = files.readFile(path);
  // Latin-1 keeps one character a byte, so that no damaged byte can hide behind a decoder's replacement.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const match = LAYOUT.exec(text);
  if (match === null) throw damaged(path, 'it is not one line of JSON and one of its checksum');
  const body = Buffer.from(match[1], 'latin1');
  if (crcOf(body) !== match[2]) throw damaged(path, 'its checksum does not match');
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    throw damaged(path, 'its first line is not JSON');
  }
}

export function damaged(path: string, why: string): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `${path} is damaged: ${why}; nothing was changed; restore it or the whole of ${dirname(path)} from a backup`,
  );
}

function encode(content: object): Uint8Array {
  const body = Buffer.from(`${JSON.stringify(content)}\n`);
  return Buffer.concat([body, Buffer.from(`crc32 ${crcOf(body)}\n`)]);
}

function crcOf(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}
