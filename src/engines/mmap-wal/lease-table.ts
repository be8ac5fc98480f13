import { assert } from '../../assert.js';
import type { ByteText } from '../semantics/byte-text.js';
import type { LeaseRecord } from '../semantics/lease-record.js';
import type { Change } from '../semantics/rules.js';
import { CHUNK_BYTES, type MappedFile } from './mapped-file.js';
import { clearSlot, readSlot, UNIT_BYTES, unitsFor, writeDeadline, writeSlot } from './slot.js';

const UNITS_PER_CHUNK = CHUNK_BYTES / UNIT_BYTES;

/** Runs of free units are kept by their length up to this one; longer ones are cut up. No slot is longer. */
const RUN_MAX = 128;

interface Place {
  /** Unit number in the whole file. */
  readonly at: number;
  readonly units: number;
  readonly record: LeaseRecord;
}

/** What lies in the file for one key. */
export interface Found {
  readonly key: ByteText;
  readonly record: LeaseRecord;
}

/**
 * Every lease in a slot of its own in a mapped file, written in place. Which slot is whose, and which are free, is only
 * known in memory: a scan of the file finds it out again.
 */
export class MappedTable {
  readonly #file: MappedFile;
  readonly #salt: number;
  readonly #places = new Map<ByteText, Place>();
  /** First units of free runs, by length. Neighbours are joined when the store opens, not before. */
  readonly #free: number[][] = Array.from({ length: RUN_MAX + 1 }, () => []);

  constructor(file: MappedFile, salt: number) {
    this.#file = file;
    this.#salt = salt;
  }

  get bytes(): number {
    return this.#file.chunks * CHUNK_BYTES;
  }

  /**
   * Finds the leases in the file, and calls everything else free. A slot that was half written when the machine went
   * down does not check out; of two slots of one key, the newer grant counts, for a freed slot may have come back.
   */
  scan(): void {
    for (let chunk = 0; chunk < this.#file.chunks; chunk++) {
      const bytes = this.#file.bytes(chunk);
      const first = chunk * UNITS_PER_CHUNK;
      let free = 0;
      for (let unit = 0; unit < UNITS_PER_CHUNK; ) {
        const slot = readSlot(bytes, unit * UNIT_BYTES, this.#salt);
        if (slot === undefined) {
          free++;
          unit++;
          continue;
        }
        this.#release(first + unit - free, free);
        free = 0;
        this.#take(slot.key, { at: first + unit, units: slot.units, record: slot.record });
        unit += slot.units;
      }
      this.#release(first + UNITS_PER_CHUNK - free, free);
    }
  }

  *entries(): IterableIterator<Found> {
    for (const [key, { record }] of this.#places) yield { key, record };
  }

  /**
   * Makes sure that these changes find room, or throws what the file system throws. To be called before they are logged:
   * what is in the log must not fail to get into the table. Renewals in place and removals need none.
   */
  reserve(changes: readonly Change[]): void {
    const writes = changes.filter((change) => change.kind !== 'remove' && this.#mayMove(change)).length;
    // Any slot fits into a run of the greatest length, whatever became of the shorter ones.
    while (this.#free[RUN_MAX].length < writes) this.#growFile();
  }

  /** Writes what the key holds now; undefined for nothing. */
  set(key: ByteText, record: LeaseRecord | undefined): void {
    const place = this.#places.get(key);
    if (place?.record === record) return;
    if (record === undefined) {
      if (place !== undefined) this.#drop(key, place);
      return;
    }
    const units = unitsFor(key, record);
    if (place === undefined || place.units !== units) {
      const at = this.#allocate(units);
      this.#write(key, { at, units, record });
      // Behind the new one: at every instant one of the two is whole.
      if (place !== undefined) this.#clear(place);
      return;
    }
    if (place.record.owner === record.owner && place.record.value === record.value) {
      writeDeadline(this.#bytesFor(place.at), offsetOf(place.at), record, this.#salt);
      this.#places.set(key, { ...place, record });
      return;
    }
    this.#write(key, { ...place, record });
  }

  #mayMove({ kind, key, record }: Exclude<Change, { kind: 'remove' }>): boolean {
    // A grant may come after a removal in the same group, which gives the place away.
    return kind === 'grant' || this.#places.get(key)?.units !== unitsFor(key, record);
  }

  #take(key: ByteText, place: Place): void {
    const other = this.#places.get(key);
    const [kept, dropped] =
      other === undefined || other.record.token < place.record.token ? [place, other] : [other, place];
    this.#places.set(key, kept);
    if (dropped !== undefined) this.#clear(dropped);
  }

  #write(key: ByteText, place: Place): void {
    writeSlot(this.#bytesFor(place.at), offsetOf(place.at), place.units, key, place.record, this.#salt);
    this.#places.set(key, place);
  }

  #drop(key: ByteText, place: Place): void {
    this.#places.delete(key);
    this.#clear(place);
  }

  #clear({ at, units }: Place): void {
    clearSlot(this.#bytesFor(at), offsetOf(at));
    this.#release(at, units);
  }

  /** A run as short as can be; what is left of it stays free. */
  #allocate(units: number): number {
    assert(units <= RUN_MAX, 'a slot longer than any');
    for (let length = units; length <= RUN_MAX; length++) {
      const at = this.#free[length].pop();
      if (at === undefined) continue;
      this.#release(at + units, length - units);
      return at;
    }
    this.#growFile();
    return this.#allocate(units);
  }

  #growFile(): void {
    const first = this.#file.chunks * UNITS_PER_CHUNK;
    this.#file.grow();
    this.#release(first, UNITS_PER_CHUNK);
  }

  #release(at: number, units: number): void {
    for (let done = 0; done < units; ) {
      const length = Math.min(RUN_MAX, units - done);
      this.#free[length].push(at + done);
      done += length;
    }
  }

  #bytesFor(unit: number): Buffer {
    return this.#file.writable(Math.floor(unit / UNITS_PER_CHUNK));
  }
}

function offsetOf(unit: number): number {
  return (unit % UNITS_PER_CHUNK) * UNIT_BYTES;
}
