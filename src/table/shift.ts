import { EXPIRES_AT, u53 } from '../../native-layout/lease-record.js';
import { Key } from '../key.js';
import { KeyRun } from '../tree/key-run.js';
import type { Slabs } from '../memory/slabs.js';
import { Cursor } from '../tree/cursor.js';
import type { LeaseTable } from './lease-table.js';

/** How deadlines move after a restart: all by so many milliseconds, or each to its ttl from an instant. */
export type ShiftMode = 'extend' | 'full-ttl';

/** Leases that are read before they are changed. */
const SLICE = 1000;

/** Moves the deadline of every stored lease. */
export function shiftDeadlines(table: LeaseTable, slabs: Slabs, mode: ShiftMode, ms: number): void {
  const all = () => true;
  forEachSlice(table, slabs, all, (keys) => {
    for (let i = 0; i < keys.length; i++) {
      table.find(keys.at(i));
      const { ttlMs } = table;
      table.renew(
        keys.at(i),
        mode === 'extend' ? table.expiresAtMs + ms : ms + ttlMs,
        ttlMs,
        table.renewals,
        undefined,
      );
    }
  });
}

/** Visits the keys of leases that had expired at an instant, in order and slice by slice, so that the visitor may remove them. */
export function forEachExpired(table: LeaseTable, slabs: Slabs, atMs: number, visit: (keys: KeyRun) => void): void {
  forEachSlice(table, slabs, (words, at) => u53(words, at + EXPIRES_AT) <= atMs, visit);
}

/** Reads a slice of leases, shows the chosen ones, which may be changed then, and goes on behind the slice. */
function forEachSlice(
  table: LeaseTable,
  slabs: Slabs,
  choose: (words: Uint32Array, at: number) => boolean,
  visit: (keys: KeyRun) => void,
): void {
  const cursor = new Cursor(slabs);
  const keys = new KeyRun();
  const from = new Key();
  for (let read = SLICE; read >= SLICE; ) {
    read = 0;
    keys.clear();
    cursor.start(table.leases.root, from, undefined, false);
    while (read < SLICE && cursor.nextRun()) {
      const { leaf, low, high } = cursor;
      for (let slot = low; slot < high; slot++)
        if (choose(leaf.words, leaf.payloadAt(slot))) leaf.readKey(slot, keys.add());
      leaf.readKey(high - 1, from);
      read += high - low;
    }
    from.bytes[from.length] = 0;
    from.setLength(from.length + 1);
    if (keys.length > 0) visit(keys);
  }
}
