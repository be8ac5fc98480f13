import { writeSync } from 'node:fs';
import { pause } from '../../pause.js';

const PAUSE_MS = 1;

/**
 * Writes all bytes, and blocks while the reader at the other end is behind: by itself where the descriptor blocks, by
 * asking again where it does not, as a pipe that Node has opened as a stream. Throws once there is no reader.
 */
export function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      pause(PAUSE_MS);
    }
  }
}
