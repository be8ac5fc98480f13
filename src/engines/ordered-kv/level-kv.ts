import { LeaseStoreError } from '../../errors.js';
import type { KvChange, KvCursor, KvEntry, KvRange, KvReads, OrderedKv } from './ordered-kv.js';

/** Both encodings as the libraries of the level family name them. */
export interface LevelEncodings {
  readonly keyEncoding: 'buffer';
  readonly valueEncoding: 'buffer';
}

export interface LevelSnapshot {
  close(): Promise<void>;
}

interface LevelIterator {
  nextv(max: number): Promise<(readonly [Buffer, Buffer | undefined])[]>;
  close(): Promise<void>;
}

/** What the level libraries have in common, old and new, of which this is all that is used. */
export interface Level {
  getMany(keys: Buffer[], options: object): Promise<(Buffer | undefined)[]>;
  batch(operations: object[], options: object): Promise<void>;
  iterator(options: object): LevelIterator;
  close(): Promise<void>;
}

const ENCODINGS: LevelEncodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' };

/** A store over an opened library of the level family. */
export function levelKv(level: Level, snapshot?: () => LevelSnapshot): OrderedKv {
  return {
    ...reads(level),
    async write(changes: readonly KvChange[], synced: boolean) {
      const operations = changes.map(({ key, value }) =>
        value === undefined ? { type: 'del', key } : { type: 'put', key, value },
      );
      // A write that failed may be there after all when the store opens again.
      await attempt('write', level.batch(operations, { ...ENCODINGS, sync: synced }), 'unknown');
    },
    ...(snapshot === undefined ? {} : { snapshot: () => snapshotOf(level, snapshot()) }),
    close: () => attempt('close', level.close()),
  };
}

function snapshotOf(level: Level, snapshot: LevelSnapshot) {
  return { ...reads(level, snapshot), close: () => attempt('close a snapshot', snapshot.close()) };
}

function reads(level: Level, snapshot?: LevelSnapshot): KvReads {
  const options = snapshot === undefined ? ENCODINGS : { ...ENCODINGS, snapshot };
  return {
    getMany: (keys) => attempt('read', level.getMany(keys as Buffer[], options)),
    cursor: ({ from, to, reverse, values }: KvRange): KvCursor => {
      // All that it knows: it would take what is missing from Object.prototype.
      const iterator = level.iterator({ ...options, gte: from, lt: to, reverse, values, limit: -1 });
      return {
        next: (max) => attempt<readonly KvEntry[]>('read', iterator.nextv(max)),
        close: () => attempt('close an iterator', iterator.close()),
      };
    },
  };
}

async function attempt<T>(
  what: string,
  call: Promise<T>,
  outcome: 'not-applied' | 'unknown' = 'not-applied',
): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw levelError(what, error, outcome);
  }
}

/** A failure of the library as one of ours. */
export function levelError(what: string, error: unknown, outcome: 'not-applied' | 'unknown' = 'not-applied'): Error {
  const codes = codesOf(error);
  const said = codes.at(-1)?.message ?? String(error);
  if (codes.some(({ code }) => code === 'LEVEL_LOCKED')) {
    return new LeaseStoreError(
      'ERR_HOLDFAST_LOCKED',
      `another process has the store open (${said}); close it there or use another directory`,
      { cause: error },
    );
  }
  const corrupt = codes.some(({ code }) => code === 'LEVEL_CORRUPTION');
  return new LeaseStoreError(
    corrupt ? 'ERR_HOLDFAST_CORRUPT' : 'ERR_HOLDFAST_IO',
    `${what} failed: ${said}; check the disk${corrupt ? ' and restore a backup' : ' and the system log'}`,
    { cause: error, outcome },
  );
}

/** The error and what it says caused it. */
function codesOf(error: unknown): { readonly code: unknown; readonly message: string }[] {
  const found: { code: unknown; message: string }[] = [];
  for (let each = error; each instanceof Error; each = each.cause) {
    found.push({ code: (each as NodeJS.ErrnoException).code, message: each.message });
  }
  return found;
}
