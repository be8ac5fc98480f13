import type { Key } from '../key.js';
import type { Replay } from '../recovery/replay.js';
import type { LeaseTable } from '../table/lease-table.js';
import type { ShiftMode } from '../table/shift.js';
import type { FragmentVisitor, LogGap } from '../wal/fragments.js';
import type { RemoveReason } from '../wal/frame-builder.js';

/**
 * Applies what is left of a log. Behind a gap a record counts for what it says by itself: a grant is a whole lease; a
 * renewal or a removal names the token of the grant that it means, so it is known whether that is the one at hand. What
 * cannot be is a lease whose grant fell into the gap: only that somebody held it is known, and it is told as lost.
 */
export class SalvageReplay implements FragmentVisitor {
  readonly gaps: LogGap[] = [];
  /** Held by somebody whose grant is lost: the key as `type/id`, and the LSN of the last record that tells of it. */
  readonly lostKeys = new Map<string, number>();
  #tokenHigh = 0;
  readonly #table: LeaseTable;
  readonly #replay: Replay;
  readonly #fromLsn: number;

  /** Records up to `fromLsn` are in the table already. */
  constructor(table: LeaseTable, replay: Replay, fromLsn: number) {
    this.#table = table;
    this.#replay = replay;
    this.#fromLsn = fromLsn;
  }

  /** No token and no ceiling is above this one in anything that could be read. */
  get tokenHigh(): number {
    return Math.max(this.#tokenHigh, this.#replay.tokenFloor);
  }

  gap(gap: LogGap): void {
    this.gaps.push(gap);
  }

  grant(
    lsn: number,
    key: Key,
    owner: Uint8Array,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    if (!this.#counts(lsn, token)) return;
    this.#found(key);
    this.#replay.grant(lsn, key, owner, token, expiresAtMs, ttlMs, renewals, value);
  }

  renew(
    lsn: number,
    key: Key,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    if (!this.#counts(lsn, token)) return;
    const stored = this.#table.find(key) ? this.#table.token : 0;
    if (stored === token) {
      this.#replay.renew(lsn, key, token, expiresAtMs, ttlMs, renewals, value);
      return;
    }
    if (stored > token) return;
    // Granted anew where nothing is left: what is stored is no longer true.
    if (stored > 0) this.#replay.remove(lsn, key, stored, 'released');
    this.lostKeys.set(nameOf(key), lsn);
  }

  remove(lsn: number, key: Key, token: number, reason: RemoveReason): void {
    if (!this.#counts(lsn, token)) return;
    this.#found(key);
    const stored = this.#table.find(key) ? this.#table.token : 0;
    if (stored > 0 && stored <= token) this.#replay.remove(lsn, key, stored, reason);
  }

  shift(lsn: number, mode: ShiftMode, ms: number): void {
    if (lsn > this.#fromLsn) this.#replay.shift(lsn, mode, ms);
  }

  ceiling(_lsn: number, token: number): void {
    this.#note(token);
  }

  #counts(lsn: number, token: number): boolean {
    this.#note(token);
    return lsn > this.#fromLsn;
  }

  #note(token: number): void {
    if (token > this.#tokenHigh) this.#tokenHigh = token;
  }

  /** The state of a key is known again. */
  #found(key: Key): void {
    if (this.lostKeys.size > 0) this.lostKeys.delete(nameOf(key));
  }
}

export function nameOf(key: Key): string {
  return Buffer.from(key.toBytes()).toString('utf8').replace('\0', '/');
}
