import { SEGMENT_HEADER_BYTES } from '../../native-layout/wal-frame.js';
import { corruptFile } from '../errors.js';
import type { File, FileSystem } from '../io/file-system.js';
import { FrameSearch } from './frame.js';
import type { ScannedSegment } from './reader.js';
import { decodeSegmentHeader, temporarySegmentPath } from './segment.js';
import { FileWindow } from './window.js';

const COPY_BYTES = 1024 * 1024;

/**
 * Puts a durable copy of a segment, as far as the scan found it good, in the place of the file. Its name is durable
 * once the caller has synced the directory. A failure leaves the segment as it was.
 */
export function rewriteSegment(files: FileSystem, directory: string, segment: ScannedSegment): void {
  const path = temporarySegmentPath(directory, segment.id);
  // A crash may have left one behind.
  if (files.stat(path) !== undefined) files.unlink(path);
  const copy = files.open(path, 'create');
  try {
    copyInto(files, segment, copy);
    expectFrames(segment, copy);
    copy.fsync();
  } catch (error) {
    copy.close();
    removeQuietly(files, path);
    throw error;
  }
  copy.close();
  files.rename(path, segment.path);
}

function copyInto(files: FileSystem, { path, bytes }: ScannedSegment, copy: File): void {
  const buffer = new Uint8Array(Math.min(bytes, COPY_BYTES));
  const file = files.open(path, 'read');
  try {
    for (let at = 0; at < bytes; ) {
      const got = file.read(buffer, 0, Math.min(buffer.length, bytes - at), at);
      if (got === 0) throw corruptFile(path, at, CHANGED);
      copy.write(buffer, 0, got, at);
      at += got;
    }
  } finally {
    file.close();
  }
}

/** What was only in the cache may be gone from there since the scan read it: the copy is judged by itself. */
function expectFrames(segment: ScannedSegment, copy: File): void {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  copy.read(bytes, 0, bytes.length, 0);
  const header = decodeSegmentHeader(segment.path, bytes);
  if (typeof header === 'string') throw corruptFile(segment.path, 0, CHANGED);
  const window = new FileWindow();
  window.open(copy, segment.bytes);
  const search = new FrameSearch(window, header);
  let frames = 0;
  let end = SEGMENT_HEADER_BYTES;
  for (let frame = search.next(end); frame !== undefined; frame = search.next(end)) {
    frames++;
    end = frame.offset + frame.bytes;
  }
  if (frames !== segment.frames || end !== segment.bytes) throw corruptFile(segment.path, end, CHANGED);
}

const CHANGED = 'it is no longer what it was when it was first read';

/** The first error is the one to tell; what it leaves is removed by the next try. */
function removeQuietly(files: FileSystem, path: string): void {
  try {
    files.unlink(path);
  } catch {}
}
