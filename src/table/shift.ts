import { EXPIRES_AT, TTL, u53 } from '../../native-layout/lease-record.js';
import { Key } from '../key.js';
import { Cursor } from '../tree/cursor.js';
import type { Slabs } from '../memory/slabs.js';
import type { LeaseTable } from './lease-table.js';

/** How deadlines move after a restart: all by so many milliseconds, or each to its ttl from an instant. */
export type ShiftMode = 'extend' | 'full-ttl';

/** Leases changed between two calls of `pause`, which may let go of the nodes they replaced. */
const SLICE = 1000;

/** Moves the deadline of every stored lease. */
export function shiftDeadlines(table: LeaseTable, slabs: Slabs, mode: ShiftMode, ms: number, pause: () => void): void {
  forEachSlice(table, slabs, pause, (key, words, at) => {
    const ttlMs = words[at + TTL];
    const expiresAtMs = mode === 'extend' ? u53(words, at + EXPIRES_AT) + ms : ms + ttlMs;
    return () => {
      table.find(key);
      table.renew(key, expiresAtMs, ttlMs, table.renewals, undefined);
    };
  });
}

/** Visits the leases that had expired at an instant, in slices, so that the visitor may remove them. */
export function forEachExpired(
  table: LeaseTable,
  slabs: Slabs,
  atMs: number,
  pause: () => void,
  visit: (key: Key) => void,
): void {
  forEachSlice(table, slabs, pause, (key, words, at) => {
    if (u53(words, at + EXPIRES_AT) > atMs) return undefined;
    return () => visit(key);
  });
}

/** Reads a slice of leases, then makes the changes that `plan` asked for, and goes on behind them. */
function forEachSlice(
  table: LeaseTable,
  slabs: Slabs,
  pause: () => void,
  plan: (key: Key, words: Uint32Array, at: number) => (() => void) | undefined,
): void {
  const cursor = new Cursor(slabs);
  let from: Key | undefined;
  for (;;) {
    const changes: (() => void)[] = [];
    let read = 0;
    cursor.start(table.leases.root, from, undefined, false);
    while (read < SLICE && cursor.nextRun()) {
      for (let slot = cursor.low; slot < cursor.high; slot++) {
        const key = cursor.leaf.readKey(slot, new Key());
        const change = plan(key, cursor.leaf.words, cursor.leaf.payloadAt(slot));
        if (change !== undefined) changes.push(change);
        from = key;
        read++;
      }
    }
    for (const change of changes) change();
    pause();
    if (read === 0 || from === undefined) return;
    from.bytes[from.length] = 0;
    from.setLength(from.length + 1);
  }
}
