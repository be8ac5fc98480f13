import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import type { OpenSubject, Sample, Subject, SubjectSetup } from '../subject.js';
import { decodeRecord, keyText, loadEntries, NO_BYTES, PAST, RenewalRecords } from './record-bytes.js';

type Db = RootDatabase<Buffer, string>;

/** lmdb-js as documented: asynchronous, batched writes; synchronous reads from the map. */
export const openLmdb: OpenSubject = async (setup) => new LmdbPeer(setup, setup.durability);

/** The same without any sync: survives a kill, and after a power cut the file may be unusable. */
export const openLmdbNoSync: OpenSubject = async (setup) => {
  if (setup.durability === 'synced') throw new Error('noSync cannot be synced');
  return new LmdbPeer(setup, 'noSync');
};

const MODES = {
  written: 'lmdb-js, overlappingSync (its default): a put resolves once committed, the sync follows in the background',
  synced: 'lmdb-js, overlappingSync: false: a put resolves once its transaction is synced',
  noSync: 'lmdb-js, noSync: true: never synced; weaker than `written`, since a power cut may corrupt the file',
};

class LmdbPeer implements Subject {
  readonly level;
  readonly mode: string;
  readonly syncReads = true;
  readonly #seed: number;
  readonly #db: Db;
  readonly #renewals = new RenewalRecords();
  #keys: string[] = [];

  constructor({ directory, durability, seed }: SubjectSetup, mode: keyof typeof MODES) {
    this.level = durability;
    this.mode = MODES[mode];
    this.#seed = seed;
    const options = {
      written: { separateFlushed: true },
      synced: { overlappingSync: false },
      noSync: { noSync: true, overlappingSync: false },
    }[mode];
    this.#db = open({ path: join(directory, 'lmdb'), encoding: 'binary', ...options }) as Db;
  }

  async load(from: number, to: number, ttlMs: number): Promise<void> {
    const db = this.#db;
    await db.batch(() => {
      for (const { key, ownerKey, record } of loadEntries(this.#seed, from, to, ttlMs)) {
        db.put(key, record);
        db.put(ownerKey, NO_BYTES);
      }
    });
  }

  hold({ keys }: Sample): void {
    this.#keys = keys.map(keyText);
  }

  acquire(index: number, ttlMs: number): Promise<unknown> {
    return this.load(index, index + 1, ttlMs);
  }

  renew(at: number): Promise<unknown> {
    return this.#db.put(this.#keys[at], this.#renewals.take());
  }

  renewMany(order: Uint32Array, from: number, to: number): Promise<unknown> {
    const db = this.#db;
    return db.batch(() => {
      for (let i = from; i < to; i++) db.put(this.#keys[order[i]], this.#renewals.take());
    });
  }

  get(at: number): unknown {
    return decodeRecord(this.#db.getBinaryFast(this.#keys[at])!);
  }

  scan(at: number, limit: number): number {
    const start = this.#keys[at];
    return this.#decode(start, `${start.slice(0, start.indexOf('\0') + 1)}${PAST}`, limit);
  }

  all(of: { readonly type: string } | { readonly owner: string }): number {
    if ('type' in of) return this.#decode(`${of.type}\0`, `${of.type}\0${PAST}`, Number.POSITIVE_INFINITY);
    let rows = 0;
    for (const key of this.#db.getKeys({ start: `${of.owner}\0`, end: `${of.owner}\0${PAST}` })) {
      decodeRecord(this.#db.getBinaryFast(key.slice(of.owner.length + 1))!);
      rows++;
    }
    return rows;
  }

  count(type: string): number {
    return this.#db.getKeysCount({ start: `${type}\0`, end: `${type}\0${PAST}` });
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  #decode(start: string, end: string, limit: number): number {
    let rows = 0;
    for (const { value } of this.#db.getRange({ start, end, limit })) {
      decodeRecord(value);
      rows++;
    }
    return rows;
  }
}
