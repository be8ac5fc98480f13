/** The part of @nxtedition/rocksdb that is used; the package brings no types. */
declare module '@nxtedition/rocksdb' {
  export interface RocksOptions {
    readonly keyEncoding: 'buffer';
    readonly valueEncoding: 'buffer';
    readonly createIfMissing: boolean;
    readonly compaction: 'level' | 'universal';
    /** Four write buffers: `write_buffer_size` is a quarter of it. */
    readonly memtableMemoryBudget: number;
    /** As RocksDB writes it into its OPTIONS file. */
    readonly filterPolicy: string;
  }

  export class RocksLevel {
    constructor(location: string, options: RocksOptions);
    open(options: RocksOptions): Promise<void>;
    getMany(keys: Buffer[], options: object): Promise<(Buffer | undefined)[]>;
    batch(operations: object[], options: object): Promise<void>;
    iterator(options: object): {
      nextv(max: number): Promise<(readonly [Buffer, Buffer | undefined])[]>;
      close(): Promise<void>;
    };
    close(): Promise<void>;
  }
}
