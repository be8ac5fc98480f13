import { OWNER_REF_BYTES } from '../../native-layout/format.js';
import { Key, putRef } from '../key.js';
import { KeyRun } from '../tree/key-run.js';
import type { Slabs } from '../memory/slabs.js';
import type { LeaseTable } from '../table/lease-table.js';
import { Cursor } from '../tree/cursor.js';

/** Leases that one slice releases at most: they take some tens of microseconds, which every request of that time waits. */
const SLICE = 64;

interface Job {
  readonly call: number;
  readonly owner: Uint8Array;
  /** Only grants up to this token: what the owner acquires while the release runs stays. */
  readonly tokenMax: number;
  /** Owner key that the next slice goes on from. */
  readonly from: Key;
  readonly started: { ref: number; released: number };
}

/** Calls that release all that an owner holds, carried out a slice a group so that they stall nobody. */
export class OwnerReleases {
  readonly #table: LeaseTable;
  readonly #jobs: Job[] = [];
  readonly #cursor: Cursor;
  readonly #key = new Key();
  readonly #held = new KeyRun();

  constructor(table: LeaseTable, slabs: Slabs) {
    this.#table = table;
    this.#cursor = new Cursor(slabs);
  }

  get pending(): boolean {
    return this.#jobs.length > 0;
  }

  add(call: number, owner: Uint8Array, tokenMax: number): void {
    this.#jobs.push({ call, owner, tokenMax, from: new Key(), started: { ref: 0, released: 0 } });
  }

  /**
   * Works on the oldest call. `room`: removals that the group can take; `remove` removes the leases of keys that lie in
   * order; `answer` ends the call.
   */
  slice(room: number, remove: (keys: KeyRun) => void, answer: (call: number, released: number) => void): void {
    const job = this.#jobs[0];
    const { started } = job;
    if (started.ref === 0) this.#begin(job);
    const goesOn = started.ref !== 0 && this.#collect(job, Math.min(SLICE, room));
    started.released += this.#held.length;
    if (this.#held.length > 0) remove(this.#held);
    if (goesOn) return;
    this.#jobs.shift();
    answer(job.call, started.released);
  }

  /** Takes all calls back, carried out or not, and answers them. */
  giveUp(): number[] {
    return this.#jobs.splice(0).map(({ call }) => call);
  }

  #begin(job: Job): void {
    job.started.ref = this.#table.names.find(job.owner);
    this.#held.clear();
    putRef(job.from.bytes, job.started.ref);
    job.from.setLength(OWNER_REF_BYTES);
  }

  /** Gathers the next of the owner's leases; `false` if there are no more behind them. */
  #collect(job: Job, max: number): boolean {
    const { owners } = this.#table;
    const key = this.#key;
    this.#held.clear();
    this.#cursor.start(owners.root, job.from, undefined, false);
    for (let seen = 0; this.#cursor.nextRun(); ) {
      const { leaf, low, high } = this.#cursor;
      for (let slot = low; slot < high; slot++) {
        leaf.readKey(slot, key);
        if (key.wordAt(0) !== job.started.ref) return false;
        // Of leases that were granted after the call there may be any number.
        if (seen++ === max) {
          job.from.copyFrom(key);
          return true;
        }
        key.dropRef();
        if (this.#table.find(key) && this.#table.token <= job.tokenMax) this.#held.add().copyFrom(key);
      }
    }
    return false;
  }
}
