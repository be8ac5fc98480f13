import type { Key } from '../../key.js';
import { type ValueCodec, valueCodec } from '../../value-codec.js';
import type { RemoveReason, ShiftMode } from '../../wal/frame-builder.js';
import { scanWal } from '../../wal/reader.js';
import type { RecordVisitor } from '../../wal/record-reader.js';
import { LineOutput } from './line-output.js';
import { expectShardDirectory, logBegin, withStoreFiles } from './store-files.js';

/**
 * `holdfast dump-wal`: every record of the log that is on the disk as a line of JSON, shard after shard, oldest first.
 * Where the log is damaged, the records before the damage are printed.
 */
export function dumpWal(directory: string): Promise<number> {
  return withStoreFiles(directory, (store) => {
    const output = new LineOutput();
    const codec = valueCodec<unknown>(store.manifest.valueEncoding);
    try {
      for (const shard of store.shards) {
        expectShardDirectory(store.files, shard);
        const visitor = new Printer(output, shard.shard, codec);
        const scan = scanWal(store.files, shard.directory, {
          ...shard.owner,
          fromLsn: logBegin(store, shard),
          visitor,
        });
        if (scan.torn === undefined) continue;
        const { path, offset, bytes, reason } = scan.torn;
        console.error(`holdfast: ${path}: torn off at byte ${offset} (${bytes} bytes): ${reason}`);
      }
    } finally {
      output.flush();
    }
    return 0;
  });
}

class Printer implements RecordVisitor {
  readonly #output: LineOutput;
  readonly #shard: number;
  readonly #codec: ValueCodec<unknown>;

  constructor(output: LineOutput, shard: number, codec: ValueCodec<unknown>) {
    this.#output = output;
    this.#shard = shard;
    this.#codec = codec;
  }

  grant(
    lsn: number,
    key: Key,
    owner: Uint8Array,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    const fields = { owner: Buffer.from(owner).toString('utf8'), token, expiresAtMs, ttlMs, renewals };
    this.#print(lsn, 'grant', { ...this.#key(key), ...fields, ...this.#value(value) });
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
    this.#print(lsn, 'renew', { ...this.#key(key), token, expiresAtMs, ttlMs, renewals, ...this.#value(value) });
  }

  remove(lsn: number, key: Key, token: number, reason: RemoveReason): void {
    this.#print(lsn, 'remove', { ...this.#key(key), token, reason });
  }

  shift(lsn: number, mode: ShiftMode, ms: number): void {
    this.#print(lsn, 'shift', { mode, ms });
  }

  ceiling(lsn: number, token: number): void {
    this.#print(lsn, 'ceiling', { token });
  }

  #key(key: Key): object {
    const [type, id] = Buffer.from(key.toBytes()).toString('utf8').split('\0');
    return { key: { type, id } };
  }

  /** A record without a value left it as it was. */
  #value(value: Uint8Array | undefined): object {
    return value === undefined ? {} : { value: this.#codec.decode(value) };
  }

  #print(lsn: number, record: string, fields: object): void {
    this.#output.write({ shard: this.#shard, lsn, record, ...fields });
  }
}
