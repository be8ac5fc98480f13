import { crc32 } from 'node:zlib';
import { FRAME_MAGIC } from '../../native-layout/format.js';
import { u53 } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/wal-frame.js';
import { corruptFile } from '../errors.js';
import type { FrameHome } from './frame-builder.js';
import type { FileWindow } from './window.js';

/** A frame that checks out. */
export interface Frame {
  /** Position in the file. */
  readonly offset: number;
  readonly bytes: number;
  readonly count: number;
  readonly firstLsn: number;
  /** `firstLsn - 1` in a durable mark. */
  readonly lastLsn: number;
  readonly durableLsn: number;
  readonly storeMs: number;
}

const CHECKSUM_DIFFERS = 'a frame does not match its checksum';

/**
 * The frame at `offset` of the segment in the window, or why there is none. A length is believed only as far as the
 * file goes, so that damage costs no memory. Throws ERR_HOLDFAST_CORRUPT for a frame that checks out and still
 * contradicts itself, which no torn write leaves behind.
 */
export function readFrame(window: FileWindow, offset: number, home: FrameHome): Frame | string {
  const left = window.size - offset;
  if (left < layout.FRAME_HEADER_BYTES) return 'a frame header is cut short';
  let at = window.load(offset, layout.FRAME_HEADER_BYTES) / 4;
  let w = window.words;
  if (w[at + layout.FRAME_MAGIC_WORD] !== FRAME_MAGIC) return 'no frame starts here';
  const bytes = w[at + layout.FRAME_BYTES];
  if (bytes < layout.FRAME_HEADER_BYTES || bytes > layout.FRAME_BYTES_MAX || bytes % 4 !== 0) {
    return `a frame of impossible length ${bytes}`;
  }
  if (bytes > left) return `a frame of ${bytes} bytes is cut short after ${left}`;
  if (w[at + layout.FRAME_SALT] !== home.salt) return 'a frame with the salt of another segment';
  if (u53(w, at + layout.FRAME_SEGMENT) !== home.segmentId || u53(w, at + layout.FRAME_EPOCH) !== home.epoch) {
    return 'a frame of another segment';
  }
  const start = window.load(offset, bytes);
  at = start / 4;
  w = window.words;
  const checked = window.bytes.subarray(start + layout.FRAME_CHECKED_BYTE, start + bytes);
  if (crc32(checked) !== w[at + layout.FRAME_CRC]) return CHECKSUM_DIFFERS;

  const count = w[at + layout.FRAME_COUNT];
  const firstLsn = u53(w, at + layout.FRAME_FIRST_LSN);
  const durableLsn = u53(w, at + layout.FRAME_DURABLE_LSN);
  const lastLsn = firstLsn + count - 1;
  if (durableLsn >= firstLsn || !Number.isSafeInteger(lastLsn)) {
    throw corruptFile(window.path, offset, `a frame with LSN ${firstLsn} claims that ${durableLsn} is durable`);
  }
  const recordBytes = bytes - layout.FRAME_HEADER_BYTES;
  if (count === 0 ? recordBytes > 0 : recordBytes < count * layout.RECORD_LAYOUT.bytes) {
    throw corruptFile(window.path, offset, `a frame claims ${count} records in ${recordBytes} bytes`);
  }
  return { offset, bytes, count, firstLsn, lastLsn, durableLsn, storeMs: u53(w, at + layout.FRAME_TIME) };
}

/**
 * How often a search may check the bytes of a file over. Frames do not overlap, so what was written as frames is
 * checked once; a file made up of overlapping frame starts must not hold the search for ever.
 */
const SEARCH_ROUNDS_MAX = 16;

/** Looks for whole frames behind damage. */
export class FrameSearch {
  readonly #window: FileWindow;
  readonly #home: FrameHome;
  #checkedBytes = 0;

  constructor(window: FileWindow, home: FrameHome) {
    this.#window = window;
    this.#home = home;
  }

  /** The first whole frame at or behind `from`. Throws ERR_HOLDFAST_CORRUPT when there is too much to look at. */
  next(from: number): Frame | undefined {
    const window = this.#window;
    for (let offset = this.#nextMagic(from); offset !== -1; offset = this.#nextMagic(offset + 4)) {
      const frame = readFrame(window, offset, this.#home);
      if (typeof frame !== 'string') return frame;
      if (frame !== CHECKSUM_DIFFERS) continue;
      const start = window.load(offset, layout.FRAME_HEADER_BYTES) / 4;
      this.#checkedBytes += window.words[start + layout.FRAME_BYTES];
      if (this.#checkedBytes > SEARCH_ROUNDS_MAX * window.size) {
        throw corruptFile(window.path, from, 'what follows looks like frames, and none of them checks out');
      }
    }
    return undefined;
  }

  #nextMagic(from: number): number {
    const window = this.#window;
    const last = window.size - layout.FRAME_HEADER_BYTES;
    for (let offset = from; offset <= last; ) {
      const at = window.load(offset, layout.FRAME_HEADER_BYTES) / 4;
      const found = window.words.subarray(0, window.loadedWords).indexOf(FRAME_MAGIC, at);
      if (found !== -1) {
        const position = offset + (found - at) * 4;
        return position <= last ? position : -1;
      }
      offset += (window.loadedWords - at) * 4;
    }
    return -1;
  }
}
