import { LeaseStoreError } from '../errors.js';
import type { Key } from '../key.js';
import type { NodeAllocator } from '../memory/allocator.js';
import type { Slabs } from '../memory/slabs.js';
import { type ShiftMode, shiftDeadlines } from '../table/shift.js';
import type { LeaseTable } from '../table/lease-table.js';
import type { RemoveReason } from '../wal/frame-builder.js';
import type { RecordVisitor } from '../wal/record-reader.js';

/**
 * Does again what the log says was done. Records carry outcomes, so nothing is decided here: no deadline is judged and
 * no limit on memory but the slabs' own is kept.
 */
export class Replay implements RecordVisitor {
  records = 0;
  #tokenMax = 0;
  #ceiling: number;
  readonly #table: LeaseTable;
  readonly #slabs: Slabs;
  readonly #allocator: NodeAllocator;

  /** `ceiling`: the token ceiling that held before the first record. */
  constructor(table: LeaseTable, slabs: Slabs, allocator: NodeAllocator, ceiling: number) {
    this.#ceiling = ceiling;
    this.#table = table;
    this.#slabs = slabs;
    this.#allocator = allocator;
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
    this.#makeRoom(value?.length ?? 0);
    this.#noteToken(token);
    this.#table.grant(key, this.#table.find(key), owner, token, expiresAtMs, ttlMs, renewals, value);
    this.records++;
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
    // Without a value nothing is allocated: no reader sees the nodes yet, so they are edited where they are.
    if (value !== undefined) this.#makeRoom(value.length);
    this.#expectGrant(lsn, key, token);
    this.#table.renew(key, expiresAtMs, ttlMs, renewals, value);
    this.records++;
  }

  remove(lsn: number, key: Key, token: number, _reason: RemoveReason): void {
    this.#makeRoom(0);
    this.#expectGrant(lsn, key, token);
    this.#table.remove(key);
    this.records++;
  }

  shift(_lsn: number, mode: ShiftMode, ms: number): void {
    shiftDeadlines(this.#table, this.#slabs, mode, ms);
    this.records++;
  }

  ceiling(_lsn: number, token: number): void {
    this.#ceiling = token;
    this.records++;
  }

  /** No token up to this one may be handed out again. */
  get tokenFloor(): number {
    return Math.max(this.#tokenMax, this.#ceiling);
  }

  /** A renewal or removal speaks of the grant that is there, or the log and the checkpoint do not belong together. */
  #expectGrant(lsn: number, key: Key, token: number): void {
    if (this.#table.find(key) && this.#table.token === token) return;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_CORRUPT',
      `log record ${lsn} changes a grant (token ${token}) that is not there; ` +
        'run "holdfast verify" to see what is damaged, and restore a backup or take what is left with "holdfast salvage"',
    );
  }

  #noteToken(token: number): void {
    if (token > this.#tokenMax) this.#tokenMax = token;
  }

  #makeRoom(valueBytes: number): void {
    if (this.#allocator.available > this.#table.nodesNeeded(valueBytes)) return;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_FULL',
      'the stored leases do not fit memoryBytesMax; open with a larger one',
    );
  }
}
