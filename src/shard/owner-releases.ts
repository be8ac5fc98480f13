import { OWNER_REF_BYTES } from '../../native-layout/format.js';
import { Key, putRef } from '../key.js';
import type { LeaseTable } from '../table/lease-table.js';

/** Leases that one slice releases at most. */
const SLICE = 256;

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
  readonly #key = new Key();

  constructor(table: LeaseTable) {
    this.#table = table;
  }

  get pending(): boolean {
    return this.#jobs.length > 0;
  }

  add(call: number, owner: Uint8Array, tokenMax: number): void {
    this.#jobs.push({ call, owner, tokenMax, from: new Key(), started: { ref: 0, released: 0 } });
  }

  /**
   * Works on the oldest call. `step` removes the lease of a key that was just found, or without a key answers the
   * call; it says whether the group can take more.
   */
  slice(step: (key: Key | undefined, call: number, released: number) => boolean): void {
    const job = this.#jobs[0];
    const { started } = job;
    if (started.ref === 0) this.#begin(job);
    for (let i = 0; i < SLICE; i++) {
      const lease = this.#next(job);
      if (lease === undefined) {
        this.#jobs.shift();
        step(undefined, job.call, started.released);
        return;
      }
      if (!this.#table.find(lease) || this.#table.token > job.tokenMax) continue;
      started.released++;
      if (!step(lease, job.call, started.released)) return;
    }
  }

  /** Takes all calls back, carried out or not, and answers them. */
  giveUp(): number[] {
    return this.#jobs.splice(0).map(({ call }) => call);
  }

  /** The next lease of the owner; the one after it is looked for just behind it. */
  #next(job: Job): Key | undefined {
    const { ref } = job.started;
    if (ref === 0 || !this.#table.owners.findNext(job.from, this.#key) || !startsWithRef(this.#key, ref)) return;
    job.from.copyFrom(this.#key);
    job.from.bytes[job.from.length] = 0;
    job.from.setLength(job.from.length + 1);
    return this.#key.dropRef();
  }

  #begin(job: Job): void {
    job.started.ref = this.#table.names.find(job.owner);
    putRef(job.from.bytes, job.started.ref);
    job.from.setLength(OWNER_REF_BYTES);
  }
}

function startsWithRef(key: Key, ref: number): boolean {
  return key.wordAt(0) === ref;
}
