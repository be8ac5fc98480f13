import { CONTROL_MAGIC } from '../../native-layout/format.js';
import { u53 } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/shard-control.js';
import { assert } from '../assert.js';

/** One shard's control block seen by one thread: typed views over the same bytes, and the words any thread may use. */
export class Control {
  readonly buffer: SharedArrayBuffer;
  readonly signed: Int32Array;
  readonly words: Uint32Array;
  readonly longs: BigInt64Array;
  readonly doubles: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.signed = new Int32Array(buffer);
    this.words = new Uint32Array(buffer);
    this.longs = new BigInt64Array(buffer);
    this.doubles = new Float64Array(buffer);
    assert(this.words[layout.MAGIC] === CONTROL_MAGIC, 'not a control block');
  }

  get health(): number {
    return Atomics.load(this.signed, layout.HEALTH);
  }

  raise(flag: number): void {
    Atomics.or(this.signed, layout.HEALTH, flag);
  }

  clear(flag: number): void {
    Atomics.and(this.signed, layout.HEALTH, ~flag);
  }

  /** An LSN that threads hand each other; `at` is one of the 64-bit cells of the layout. */
  lsn(at: number): number {
    return Number(Atomics.load(this.longs, at));
  }

  setLsn(at: number, lsn: number): void {
    Atomics.store(this.longs, at, BigInt(lsn));
  }

  /** Moves an LSN that several threads move forward, and never back. */
  raiseLsn(at: number, lsn: number): void {
    const wanted = BigInt(lsn);
    let seen = Atomics.load(this.longs, at);
    while (seen < wanted) {
      const before = Atomics.compareExchange(this.longs, at, seen, wanted);
      if (before === seen) return;
      seen = before;
    }
  }

  /** Slot index of the published commit. */
  get current(): number {
    return Atomics.load(this.signed, layout.CURRENT);
  }
}

/** The roots and numbers of one commit, as read from its slot. */
export interface Commit {
  readonly commit: number;
  readonly lsn: number;
  readonly storeMs: number;
  readonly leases: number;
  readonly owners: number;
  readonly names: number;
  readonly leaseCount: number;
  readonly ownerCount: number;
  readonly nameCount: number;
  readonly token: number;
}

/** Copies a slot. The caller holds a pin on it, or is the writer. */
export function readCommit(control: Control, slot: number): Commit {
  const w = control.words;
  const at = layout.commitSlotIndex(slot);
  return {
    commit: u53(w, at + layout.SLOT_COMMIT),
    lsn: u53(w, at + layout.SLOT_LSN),
    storeMs: u53(w, at + layout.SLOT_TIME),
    leases: w[at + layout.SLOT_LEASES],
    owners: w[at + layout.SLOT_OWNERS],
    names: w[at + layout.SLOT_NAMES],
    leaseCount: w[at + layout.SLOT_LEASE_COUNT],
    ownerCount: w[at + layout.SLOT_OWNER_COUNT],
    nameCount: w[at + layout.SLOT_NAME_COUNT],
    token: u53(w, at + layout.SLOT_TOKEN),
  };
}
