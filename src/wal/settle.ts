import { SEGMENT_HEADER_BYTES } from '../../native-layout/wal-frame.js';
import type { FileSystem } from '../io/file-system.js';
import type { ScannedSegment, WalScan } from './reader.js';
import { rewriteSegment } from './rewrite.js';
import { decodeSegmentHeader, listSegments, type SegmentFile } from './segment.js';

/**
 * Makes the log end where the scan found its end, and makes what remains durable. To be called after every shard's log
 * was found good, and before the next segment is made, since a segment's being there says that all before it is durable.
 *
 * Records that nothing shows to be on the disk are written anew, into another file: a sync of theirs may have failed
 * before, and then the kernel takes them for written although it is only its cache that has them. A sync of the same
 * file would succeed and prove nothing.
 */
export function settleLog(files: FileSystem, directory: string, scan: WalScan): void {
  const { torn } = scan;
  const last = scan.segments.at(-1);
  if (last !== undefined) {
    // Without a frame, not even the segment's name is known to be on the disk.
    const inDoubt = scan.durableLsn < scan.lastLsn || last.frames === 0;
    if (inDoubt) rewriteSegment(files, directory, last);
    else cutBack(files, last);
  }
  if (torn !== undefined && torn.offset === 0) files.unlink(torn.path);
  // For segments that a process killed in between created, and for the one just replaced or removed.
  files.syncDirectory(directory);
}

function cutBack(files: FileSystem, { path, bytes }: ScannedSegment): void {
  const file = files.open(path, 'write');
  try {
    if (file.size() > bytes) file.truncate(bytes);
    file.fdatasync();
  } finally {
    file.close();
  }
}

/**
 * Removes the segments of which no record after `lsn` is left, but never the last one, oldest first. Answers how many
 * bytes that freed.
 */
export function dropSegmentsBelow(files: FileSystem, directory: string, lsn: number): number {
  const segments = listSegments(files, directory);
  let freed = 0;
  for (let i = 0; i + 1 < segments.length; i++) {
    const next = firstLsnOf(files, segments[i + 1]);
    if (next === undefined || next > lsn + 1) break;
    freed += files.stat(segments[i].path)?.bytes ?? 0;
    files.unlink(segments[i].path);
  }
  if (freed > 0) files.syncDirectory(directory);
  return freed;
}

/** Undefined when the header is not good: a scan says what is wrong, nothing is removed on its account. */
function firstLsnOf(files: FileSystem, segment: SegmentFile): number | undefined {
  const file = files.open(segment.path, 'read');
  try {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    const header = decodeSegmentHeader(segment.path, bytes.subarray(0, file.read(bytes, 0, bytes.length, 0)));
    return typeof header === 'string' ? undefined : header.firstLsn;
  } finally {
    file.close();
  }
}
