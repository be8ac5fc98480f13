import { TOKEN_LEAD } from '../../native-layout/format.js';
import type { TimeBase } from '../clock.js';
import type { Slabs } from '../memory/slabs.js';
import type { OnRestart } from '../options.js';
import type { Resumed } from '../recovery/resume.js';
import { forEachExpired, type ShiftMode, shiftDeadlines } from '../table/shift.js';
import type { FrameBuilder } from '../wal/frame-builder.js';
import type { WalWriter } from '../wal/writer.js';
import type { TokenSource } from './tokens.js';

/** When the store's time begins, and what that does to deadlines; the same for all shards. */
export interface StartOrder {
  readonly time: TimeBase;
  readonly onRestart: OnRestart;
}

/**
 * The first frames of a new epoch, on the disk before anything else happens: what `onRestart` does to the deadlines,
 * and a token ceiling above everything that was ever handed out.
 *
 * The frame with the shift is the first that tells of the new time. Should this opening not get so far, the next one
 * still knows when the store went down, and so which leases had expired by then.
 */
export function writeOpening(
  recovered: Resumed,
  order: StartOrder,
  slabs: Slabs,
  wal: WalWriter,
  frame: FrameBuilder,
  tokens: TokenSource,
  nowMs: number,
): void {
  const begin = (storeMs: number) => frame.begin(wal.lastLsn + 1, storeMs, wal.durableLsn);
  const append = () => {
    if (frame.count > 0) wal.append(frame.finish(wal), frame.count);
  };
  if (order.onRestart !== 'keep-deadlines') {
    begin(recovered.lastStoreMs);
    removeExpired(recovered, slabs, frame, () => {
      append();
      begin(recovered.lastStoreMs);
    });
    append();
  }
  begin(nowMs);
  if (order.onRestart !== 'keep-deadlines') shiftAll(recovered, order, slabs, frame);
  // The clock is past the floor by now, as a rule: without this the first grant would have to wait for a new ceiling.
  tokens.raise(Math.floor(nowMs * 1000));
  const ceiling = tokens.last + TOKEN_LEAD;
  frame.ceiling(ceiling);
  append();
  tokens.logged(ceiling, wal.lastLsn);
  tokens.durable(wal.sync());
}

/** Leases that had expired when the store went down stay so. */
function removeExpired(recovered: Resumed, slabs: Slabs, frame: FrameBuilder, onFull: () => void): void {
  const { table, lastStoreMs } = recovered;
  forEachExpired(table, slabs, lastStoreMs, (keys) => {
    if (frame.roomForRemovals < keys.length) onFull();
    table.removeAll(keys, (key, token) => frame.remove(key, token, 'expired'));
  });
}

/** The others get their time back. */
function shiftAll(recovered: Resumed, order: StartOrder, slabs: Slabs, frame: FrameBuilder): void {
  const { table, lastStoreMs } = recovered;
  if (table.leases.count === 0) return;
  const mode: ShiftMode = order.onRestart === 'full-ttl' ? 'full-ttl' : 'extend';
  const storeMs = Math.ceil(order.time.storeMs);
  const ms = mode === 'full-ttl' ? storeMs : Math.max(0, storeMs - lastStoreMs);
  frame.shift(mode, ms);
  shiftDeadlines(table, slabs, mode, ms);
}
