import type { OnRestart } from '../../options.js';
import type { TokenSource } from '../../shard/tokens.js';
import type { Change } from '../semantics/rules.js';
import { isLive } from '../semantics/rules.js';
import type { GroupLog } from './group-log.js';
import type { LeaseIndex } from './lease-index.js';
import { shifted } from './replay.js';

/** Removals that one frame takes. */
const SLICE = 1024;

/**
 * Does to the deadlines what the options ask for after a restart, and logs it. Leases that had expired when the store
 * was last alive stay expired; the others get their time back.
 */
export function applyRestart(
  onRestart: OnRestart,
  index: LeaseIndex,
  log: GroupLog,
  tokens: TokenSource,
  lastStoreMs: number,
  nowMs: number,
): void {
  if (onRestart === 'keep-deadlines' || index.size === 0) return;
  const expired: Change[] = [];
  for (const [key, record] of index.leases.entries()) {
    if (!isLive(record, lastStoreMs)) expired.push({ kind: 'remove', key, token: record.token, reason: 'expired' });
  }
  for (let i = 0; i < expired.length; i += SLICE) {
    const slice = expired.slice(i, i + SLICE);
    log.append(slice, nowMs, tokens, false, () => false);
    for (const change of slice) index.apply(change);
  }
  const mode = onRestart === 'full-ttl' ? 'full-ttl' : 'extend';
  const storeMs = Math.ceil(nowMs);
  const ms = mode === 'full-ttl' ? storeMs : Math.max(0, storeMs - lastStoreMs);
  log.shift(mode, ms, nowMs);
  index.shift((record) => shifted(record, mode, ms));
}
