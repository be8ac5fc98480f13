import type { OpenSubject, Sample, Subject } from '../subject.js';
import { actor } from '../../src/cli/demo/workload.js';
import { decodeRecord, keyText, newRecord, touchRecord } from './record-bytes.js';

/** A Map of Buffers: what a process has that keeps leases by itself. Renewed in place, no order, no files. */
export const openMap: OpenSubject = async ({ seed }) => new MapPeer(seed);

class MapPeer implements Subject {
  readonly level = 'none';
  readonly mode = 'Map of 48-byte Buffers, renewed in place; lost with the process; ranges walk everything';
  readonly syncReads = true;
  readonly #seed: number;
  readonly #records = new Map<string, Buffer>();
  #keys: string[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  async load(from: number, to: number, ttlMs: number): Promise<void> {
    for (let index = from; index < to; index++) this.acquire(index, ttlMs);
  }

  hold({ keys }: Sample): void {
    this.#keys = keys.map(keyText);
  }

  acquire(index: number, ttlMs: number): void {
    this.#records.set(keyText(actor(this.#seed, index)), newRecord(index, ttlMs));
  }

  renew(at: number): void {
    touchRecord(this.#records.get(this.#keys[at])!);
  }

  renewMany(order: Uint32Array, from: number, to: number): void {
    for (let i = from; i < to; i++) touchRecord(this.#records.get(this.#keys[order[i]])!);
  }

  get(at: number): unknown {
    return decodeRecord(this.#records.get(this.#keys[at])!);
  }

  /** A map has no order: all keys of the type, sorted. */
  scan(at: number, limit: number): number {
    const from = this.#keys[at];
    const prefix = from.slice(0, from.indexOf('\0') + 1);
    const keys: string[] = [];
    for (const key of this.#records.keys()) if (key >= from && key.startsWith(prefix)) keys.push(key);
    const page = keys.sort().slice(0, limit);
    for (const key of page) decodeRecord(this.#records.get(key)!);
    return page.length;
  }

  all(of: { readonly type: string } | { readonly owner: string }): number {
    let rows = 0;
    if ('type' in of) {
      const prefix = `${of.type}\0`;
      for (const [key, record] of this.#records) {
        if (!key.startsWith(prefix)) continue;
        decodeRecord(record);
        rows++;
      }
      return rows;
    }
    for (const record of this.#records.values()) if (decodeRecord(record).owner === of.owner) rows++;
    return rows;
  }

  count(type: string): number {
    const prefix = `${type}\0`;
    let rows = 0;
    for (const key of this.#records.keys()) if (key.startsWith(prefix)) rows++;
    return rows;
  }

  async close(): Promise<void> {
    this.#records.clear();
  }
}
