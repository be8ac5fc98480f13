import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { OpenSubject, Sample, Subject, SubjectSetup } from '../subject.js';
import { decodeRecord, keyText, loadEntries, NO_BYTES, PAST, RenewalRecords } from './record-bytes.js';

type Db = ClassicLevel<string, Buffer>;

/** LevelDB with its own defaults, keys as text and values as buffers; gets by its synchronous call. */
export const openClassicLevel: OpenSubject = async (setup) => {
  const db: Db = new ClassicLevel(join(setup.directory, 'classic-level'), { valueEncoding: 'buffer' });
  await db.open();
  return new ClassicLevelPeer(db, setup);
};

class ClassicLevelPeer implements Subject {
  readonly level;
  readonly mode: string;
  readonly syncReads = true;
  readonly #db: Db;
  readonly #seed: number;
  readonly #write: { readonly sync: boolean };
  readonly #renewals = new RenewalRecords();
  #keys: string[] = [];

  constructor(db: Db, { durability, seed }: SubjectSetup) {
    this.#db = db;
    this.#seed = seed;
    this.level = durability;
    this.#write = { sync: durability === 'synced' };
    this.mode = `classic-level, defaults, writes with sync: ${this.#write.sync}, getSync`;
  }

  load(from: number, to: number, ttlMs: number): Promise<void> {
    const batch = this.#db.batch();
    for (const { key, ownerKey, record } of loadEntries(this.#seed, from, to, ttlMs)) {
      batch.put(key, record).put(ownerKey, NO_BYTES);
    }
    return batch.write(this.#write);
  }

  hold({ keys }: Sample): void {
    this.#keys = keys.map(keyText);
  }

  acquire(index: number, ttlMs: number): Promise<unknown> {
    return this.load(index, index + 1, ttlMs);
  }

  renew(at: number): Promise<unknown> {
    return this.#db.put(this.#keys[at], this.#renewals.take(), this.#write);
  }

  renewMany(order: Uint32Array, from: number, to: number): Promise<unknown> {
    const batch = this.#db.batch();
    for (let i = from; i < to; i++) batch.put(this.#keys[order[i]], this.#renewals.take());
    return batch.write(this.#write);
  }

  get(at: number): unknown {
    return decodeRecord(this.#db.getSync(this.#keys[at])!);
  }

  async scan(at: number, limit: number): Promise<number> {
    const from = this.#keys[at];
    return this.#decode(from, `${from.slice(0, from.indexOf('\0') + 1)}${PAST}`, limit);
  }

  async all(of: { readonly type: string } | { readonly owner: string }): Promise<number> {
    if ('type' in of) return this.#decode(`${of.type}\0`, `${of.type}\0${PAST}`);
    let rows = 0;
    const owners = this.#db.keys({ gte: `${of.owner}\0`, lt: `${of.owner}\0${PAST}` });
    for (let keys = await owners.nextv(LOT); keys.length > 0; keys = await owners.nextv(LOT)) {
      const records = await this.#db.getMany(keys.map((key) => key.slice(of.owner.length + 1)));
      for (const record of records) decodeRecord(record!);
      rows += records.length;
    }
    await owners.close();
    return rows;
  }

  async count(type: string): Promise<number> {
    let rows = 0;
    const types = this.#db.keys({ gte: `${type}\0`, lt: `${type}\0${PAST}` });
    for (let keys = await types.nextv(LOT); keys.length > 0; keys = await types.nextv(LOT)) rows += keys.length;
    await types.close();
    return rows;
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async #decode(gte: string, lt: string, limit = -1): Promise<number> {
    let rows = 0;
    const values = this.#db.values({ gte, lt, limit });
    for (let lot = await values.nextv(LOT); lot.length > 0; lot = await values.nextv(LOT)) {
      for (const record of lot) decodeRecord(record);
      rows += lot.length;
    }
    await values.close();
    return rows;
  }
}

/** Entries that an iterator hands over at a time. */
const LOT = 1000;
