import { LeaseStoreError } from '../../errors.js';
import type { Key } from '../../key.js';
import type { RemoveReason, ShiftMode } from '../../wal/frame-builder.js';
import type { RecordVisitor } from '../../wal/record-reader.js';
import { type ByteText, toByteText } from '../semantics/byte-text.js';
import type { LeaseRecord } from '../semantics/lease-record.js';
import type { LeaseIndex } from './lease-index.js';

/**
 * Does again what a log says was done. Records carry outcomes, so nothing is decided here.
 *
 * With `aheadOfLog`, the index was read from something that may be further than the log at this record: then a record
 * that speaks of an older grant, or of one that is no longer there, was overtaken, and what overtook it comes later.
 */
export class IndexReplay implements RecordVisitor {
  readonly #index: LeaseIndex;
  readonly #aheadOfLog: boolean;
  records = 0;
  /** No token up to this one may be handed out again. */
  tokenFloor: number;
  /** LSN of the last ceiling seen. */
  ceilingLsn = 0;

  constructor(index: LeaseIndex, tokenFloor: number, aheadOfLog: boolean) {
    this.#index = index;
    this.tokenFloor = tokenFloor;
    this.#aheadOfLog = aheadOfLog;
  }

  grant(
    _lsn: number,
    key: Key,
    owner: Uint8Array,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    this.records++;
    this.tokenFloor = Math.max(this.tokenFloor, token);
    const text = textOf(key);
    if (this.#aheadOfLog && (this.#index.get(text)?.token ?? 0) > token) return;
    const record = { owner: toByteText(owner), token, expiresAtMs, ttlMs, renewals, value: value?.slice() };
    this.#index.apply({ kind: 'grant', key: text, record, newValue: true });
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
    const text = textOf(key);
    const before = this.#granted(lsn, text, token);
    if (before === undefined) return;
    const record = { ...before, expiresAtMs, ttlMs, renewals, value: value?.slice() ?? before.value };
    this.#index.apply({ kind: 'renew', key: text, record, newValue: value !== undefined });
  }

  remove(lsn: number, key: Key, token: number, reason: RemoveReason): void {
    const text = textOf(key);
    if (this.#granted(lsn, text, token) === undefined) return;
    this.#index.apply({ kind: 'remove', key: text, token, reason });
  }

  shift(_lsn: number, mode: ShiftMode, ms: number): void {
    this.records++;
    this.#index.shift((record) => shifted(record, mode, ms));
  }

  ceiling(lsn: number, token: number): void {
    this.records++;
    this.ceilingLsn = lsn;
    this.tokenFloor = Math.max(this.tokenFloor, token);
  }

  /** The grant that a record speaks of. */
  #granted(lsn: number, key: ByteText, token: number): LeaseRecord | undefined {
    this.records++;
    const record = this.#index.get(key);
    if (record?.token === token) return record;
    if (this.#aheadOfLog) return undefined;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_CORRUPT',
      `log record ${lsn} changes a grant (token ${token}) that is not there: the log does not belong to what was ` +
        'read before it. Nothing was changed; restore a backup',
    );
  }
}

/** The deadline of a lease after a shift. */
export function shifted(record: LeaseRecord, mode: ShiftMode, ms: number): number {
  return mode === 'extend' ? record.expiresAtMs + ms : ms + record.ttlMs;
}

function textOf(key: Key): ByteText {
  return toByteText(key.bytes.subarray(0, key.length));
}
