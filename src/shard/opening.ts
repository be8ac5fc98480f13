import { TOKEN_LEAD } from '../../native-layout/format.js';
import type { TimeBase } from '../clock.js';
import type { Slabs } from '../memory/slabs.js';
import type { OnRestart } from '../options.js';
import type { Recovered } from '../recovery/recover.js';
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
 */
export function writeOpening(
  recovered: Recovered,
  order: StartOrder,
  slabs: Slabs,
  wal: WalWriter,
  frame: FrameBuilder,
  tokens: TokenSource,
  nowMs: number,
): void {
  const begin = () => frame.begin(wal.lastLsn + 1, nowMs, wal.durableLsn);
  const append = () => {
    if (frame.count > 0) wal.append(frame.finish(wal), frame.count);
    begin();
  };
  begin();
  if (order.onRestart !== 'keep-deadlines') shiftAll(recovered, order, slabs, frame, append);
  const ceiling = tokens.last + TOKEN_LEAD;
  frame.ceiling(ceiling);
  append();
  tokens.logged(ceiling, wal.lastLsn);
  tokens.durable(wal.sync());
}

/** Leases that had expired when the store went down stay so; the others get their time back. */
function shiftAll(recovered: Recovered, order: StartOrder, slabs: Slabs, frame: FrameBuilder, append: () => void): void {
  const { table, allocator, lastStoreMs } = recovered;
  const pause = () => {
    allocator.published();
    allocator.reclaim([]);
  };
  forEachExpired(table, slabs, lastStoreMs, pause, (key) => {
    table.find(key);
    frame.remove(key, table.token, 'expired');
    table.remove(key);
    if (frame.full) append();
  });
  if (table.leases.count === 0) return;
  const mode: ShiftMode = order.onRestart === 'full-ttl' ? 'full-ttl' : 'extend';
  const storeMs = Math.ceil(order.time.storeMs);
  const ms = mode === 'full-ttl' ? storeMs : Math.max(0, storeMs - lastStoreMs);
  frame.shift(mode, ms);
  shiftDeadlines(table, slabs, mode, ms, pause);
}
