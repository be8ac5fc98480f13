/** A change of one key: a value to put, or undefined to delete it. */
export interface KvChange {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

/** Keys from `from` on and before `to`, by bytes. */
export interface KvRange {
  readonly from: Buffer;
  readonly to: Buffer;
  readonly reverse: boolean;
  /** Whether the values are wanted. */
  readonly values: boolean;
}

export type KvEntry = readonly [key: Buffer, value: Buffer | undefined];

/** The entries of a range as they were when the cursor was made. */
export interface KvCursor {
  /** The next entries, at most `max`; none at the end. */
  next(max: number): Promise<readonly KvEntry[]>;
  close(): Promise<void>;
}

export interface KvReads {
  /** In the order of the keys; undefined for what is not there. */
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>;
  cursor(range: KvRange): KvCursor;
}

export interface KvSnapshot extends KvReads {
  close(): Promise<void>;
}

/** The seam that a library of ordered keys and values fits behind. Every failure is a `LeaseStoreError`. */
export interface OrderedKv extends KvReads {
  /** All changes or none; on the disk when it resolves if `synced`, and with them all that came before. */
  write(changes: readonly KvChange[], synced: boolean): Promise<void>;
  /** One unchanging instant; absent where the library offers none. */
  readonly snapshot?: () => KvSnapshot;
  close(): Promise<void>;
}
