import { writeSync } from 'node:fs';
import type { Event } from './events.js';

/** Standard output, as the driver reads it: whatever was told before a kill is read after it. */
export function tell(event: Event): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let written = 0; written < line.length; ) {
    try {
      written += writeSync(1, line, written);
    } catch (error) {
      // The pipe is full; the driver will read on.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}
