import { join } from 'node:path';
import { RocksLevel } from '@nxtedition/rocksdb';
import type { OpenSubject, Sample, Subject, SubjectSetup } from '../subject.js';
import { decodeRecord, keyText, loadEntries, NO_BYTES, PAST, RenewalRecords } from './record-bytes.js';

/** What is used of the package, which brings no types. */
interface Db {
  open(options: object): Promise<void>;
  get(key: string): Promise<Buffer>;
  getMany(keys: string[]): Promise<Buffer[]>;
  batch(operations: object[], options: object): Promise<void>;
  iterator(options: object): Iterator;
  close(): Promise<void>;
}

interface Iterator {
  nextv(max: number): Promise<(readonly [string, Buffer | undefined])[]>;
  close(): Promise<void>;
}

/** The library's own parameters, but for the write buffers and leveled compaction that the RFC asks for. */
const OPTIONS = {
  keyEncoding: 'utf8',
  valueEncoding: 'buffer',
  compaction: 'level',
  memtableMemoryBudget: 256 * 1024 * 1024,
  filterPolicy: 'bloomfilter:10:false',
};

/** Entries that an iterator hands over at a time. */
const LOT = 1000;

export const openRocksDb: OpenSubject = async (setup) => {
  const Level = RocksLevel as unknown as new (path: string, options: object) => Db;
  const db = new Level(join(setup.directory, 'rocksdb'), OPTIONS);
  await db.open(OPTIONS);
  return new RocksDbPeer(db, setup);
};

class RocksDbPeer implements Subject {
  readonly level;
  readonly mode: string;
  readonly syncReads = false;
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
    this.mode = `@nxtedition/rocksdb, 4 write buffers of 64 MiB, leveled, Bloom 10, batch with sync: ${this.#write.sync}`;
  }

  load(from: number, to: number, ttlMs: number): Promise<void> {
    const operations: object[] = [];
    for (const { key, ownerKey, record } of loadEntries(this.#seed, from, to, ttlMs)) {
      operations.push({ type: 'put', key, value: record }, { type: 'put', key: ownerKey, value: NO_BYTES });
    }
    return this.#db.batch(operations, this.#write);
  }

  hold({ keys }: Sample): void {
    this.#keys = keys.map(keyText);
  }

  acquire(index: number, ttlMs: number): Promise<unknown> {
    return this.load(index, index + 1, ttlMs);
  }

  /** A batch of one: `put` of this package leaves `sync` out. */
  renew(at: number): Promise<unknown> {
    return this.#db.batch([{ type: 'put', key: this.#keys[at], value: this.#renewals.take() }], this.#write);
  }

  renewMany(order: Uint32Array, from: number, to: number): Promise<unknown> {
    const operations: object[] = [];
    for (let i = from; i < to; i++) {
      operations.push({ type: 'put', key: this.#keys[order[i]], value: this.#renewals.take() });
    }
    return this.#db.batch(operations, this.#write);
  }

  async get(at: number): Promise<unknown> {
    return decodeRecord(await this.#db.get(this.#keys[at]));
  }

  scan(at: number, limit: number): Promise<number> {
    const from = this.#keys[at];
    const past = `${from.slice(0, from.indexOf('\0') + 1)}${PAST}`;
    return this.#walk({ gte: from, lt: past, limit, keys: false }, (lot) => {
      for (const [, record] of lot) decodeRecord(record!);
    });
  }

  all(of: { readonly type: string } | { readonly owner: string }): Promise<number> {
    if ('type' in of) {
      return this.#walk({ gte: `${of.type}\0`, lt: `${of.type}\0${PAST}`, keys: false }, (lot) => {
        for (const [, record] of lot) decodeRecord(record!);
      });
    }
    return this.#walk({ gte: `${of.owner}\0`, lt: `${of.owner}\0${PAST}`, values: false }, async (lot) => {
      const records = await this.#db.getMany(lot.map(([key]) => key.slice(of.owner.length + 1)));
      for (const record of records) decodeRecord(record);
    });
  }

  count(type: string): Promise<number> {
    return this.#walk({ gte: `${type}\0`, lt: `${type}\0${PAST}`, values: false }, () => {});
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async #walk(
    range: object,
    visit: (lot: (readonly [string, Buffer | undefined])[]) => void | Promise<void>,
  ): Promise<number> {
    let rows = 0;
    const iterator = this.#db.iterator(range);
    for (let lot = await iterator.nextv(LOT); lot.length > 0; lot = await iterator.nextv(LOT)) {
      await visit(lot);
      rows += lot.length;
    }
    await iterator.close();
    return rows;
  }
}
