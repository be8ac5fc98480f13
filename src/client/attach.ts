import { MessageChannel, MessagePort } from 'node:worker_threads';
import { HEALTH_CLOSED } from '../../native-layout/shard-control.js';
import { checkSnapshotAge } from '../arguments.js';
import { StoreTime, systemClock, type TimeBase } from '../clock.js';
import type { LeaseReads, LeaseSnapshot, SnapshotOptions } from '../lease-store.js';
import { LeaseStoreError } from '../errors.js';
import type { ActorKey, CountOptions, Lease, LeaseRange, LeaseView } from '../lease.js';
import type { ValueEncoding } from '../manifest.js';
import { Control } from '../memory/control.js';
import { claimRow, freeRow, takeRow } from '../memory/pins.js';
import { Slabs, type SlabsHandle } from '../memory/slabs.js';
import { valueCodec } from '../value-codec.js';
import type { ReadParts } from './reads/parts.js';
import { Reads } from './reads/reads.js';
import { ShardView } from './reads/shard-view.js';
import { Snapshot } from './reads/snapshot.js';
import { type HashSeed, Router } from './router.js';

/**
 * What another thread of the process needs to read a store: pass it as a message or as `workerData`, with
 * {@link StoreHandle.port} in the transfer list. Good for one attachment; a handle that is not used after all is given
 * back by closing its port.
 */
export interface StoreHandle {
  readonly kind: 'holdfast-handle';
  readonly shards: readonly { readonly control: SharedArrayBuffer; readonly slabs: SlabsHandle }[];
  readonly hashSeed: HashSeed;
  readonly time: TimeBase;
  readonly valueEncoding: ValueEncoding;
  /** Reader row that the opener claimed for the thread. */
  readonly row: number;
  /** Its closing, as when the thread ends in whatever way, gives the row back. */
  readonly port: MessagePort;
}

export interface HandleParts {
  readonly controls: readonly Control[];
  readonly slabs: readonly Slabs[];
  readonly hashSeed: HashSeed;
  readonly time: TimeBase;
  readonly valueEncoding: ValueEncoding;
}

/** Makes a handle; the opener's side. */
export function createHandle(parts: HandleParts): StoreHandle {
  const { controls, slabs, hashSeed, time, valueEncoding } = parts;
  const row = claimRow(controls);
  if (row < 0) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_OVERLOADED',
      'as many threads as can be are attached to the store; close an attachment, or end a thread, first',
      { retryable: true },
    );
  }
  const { port1, port2 } = new MessageChannel();
  port1.once('close', () => freeRow(controls, row));
  // An attached thread keeps nobody's process alive.
  port1.unref();
  return {
    kind: 'holdfast-handle',
    shards: controls.map((control, shard) => ({ control: control.buffer, slabs: slabs[shard].handle })),
    hashSeed,
    time,
    valueEncoding,
    row,
    port: port2,
  };
}

/** Reads of a store that another thread opened. */
export interface AttachedReads<V> extends LeaseReads<V>, Disposable {
  snapshot(options?: SnapshotOptions): LeaseSnapshot<V>;
  close(): void;
}

/**
 * Reads the store behind a handle from this thread, in place, as the opening thread does.
 *
 * @throws LeaseStoreError `ERR_HOLDFAST_INVALID_ARGUMENT` for what is no handle or one that was used before,
 * `ERR_HOLDFAST_CLOSED` if the store was closed meanwhile
 */
export function attach<V = unknown>(handle: StoreHandle): AttachedReads<V> {
  const { shards, row, port } = checkHandle(handle);
  const controls = shards.map(({ control }) => new Control(control));
  if (isStoreClosed(controls)) throw closedError();
  if (!takeRow(controls, row)) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      'handle was used before, or its port was closed; ask the store for a handle for each attachment',
    );
  }
  const views = shards.map(({ slabs }, shard) => new ShardView(new Slabs(slabs), controls[shard], row));
  return new Attached<V>(handle, controls, views, port);
}

function checkHandle(handle: StoreHandle): StoreHandle {
  if (!isHandle(handle)) {
    throw new LeaseStoreError('ERR_HOLDFAST_INVALID_ARGUMENT', 'handle must be what store.handle() answered');
  }
  if (isWhole(handle)) return handle;
  throw new LeaseStoreError(
    'ERR_HOLDFAST_INVALID_ARGUMENT',
    'handle lost its memory or port on the way: send it to a thread of the same process (no other can share the memory), ' +
      'with handle.port in the transfer list',
  );
}

function isHandle(handle: unknown): boolean {
  try {
    return typeof handle === 'object' && handle !== null && (handle as StoreHandle).kind === 'holdfast-handle';
  } catch {
    // What throws while it is looked at was not made by `createHandle`.
    return false;
  }
}

function isWhole({ shards, port }: StoreHandle): boolean {
  return (
    Array.isArray(shards) &&
    shards.every(({ control }) => control instanceof SharedArrayBuffer) &&
    port instanceof MessagePort
  );
}

/** The store raises this when it begins to close; what is in memory then is no longer the truth. */
function isStoreClosed(controls: readonly Control[]): boolean {
  return (controls[0].health & HEALTH_CLOSED) !== 0;
}

function closedError(): LeaseStoreError {
  return new LeaseStoreError('ERR_HOLDFAST_CLOSED', 'the attachment was closed, or its store was');
}

class Attached<V> implements AttachedReads<V> {
  readonly #port: MessagePort;
  readonly #controls: readonly Control[];
  readonly #parts: ReadParts<V>;
  readonly #reads: Reads<V>;
  #closed = false;

  constructor(handle: StoreHandle, controls: readonly Control[], views: readonly ShardView[], port: MessagePort) {
    const time = new StoreTime(systemClock(), handle.time);
    this.#controls = controls;
    this.#port = port;
    // A port that nobody listens to may be collected, and its end would look like that of the thread.
    this.#port.on('close', () => {
      this.#closed = true;
    });
    this.#port.unref();
    this.#parts = {
      views,
      router: new Router(handle.hashSeed, views.length),
      codec: valueCodec<V>(handle.valueEncoding),
      nowMs: () => time.nowMs(),
      isClosed: () => this.#isClosed,
    };
    this.#reads = new Reads(this.#parts);
  }

  get(key: ActorKey): Lease<V> | undefined {
    return this.#open.get(key);
  }

  check(key: ActorKey, token: number): boolean {
    return this.#open.check(key, token);
  }

  range(range?: LeaseRange): IterableIterator<Lease<V>> {
    return this.#open.range(range);
  }

  forEach(range: LeaseRange, visit: (view: LeaseView<V>) => boolean | undefined | void): number {
    return this.#open.forEach(range, visit);
  }

  count(range?: LeaseRange, options?: CountOptions): number {
    return this.#open.count(range, options);
  }

  snapshot(options?: SnapshotOptions): LeaseSnapshot<V> {
    if (this.#isClosed) throw closedError();
    return new Snapshot(this.#parts, checkSnapshotAge(options));
  }

  /** Snapshots and iterators end with it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // The other end hears of it when this thread's turn is over, so a read that this is called within keeps its pins.
    this.#port.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #isClosed(): boolean {
    return this.#closed || isStoreClosed(this.#controls);
  }

  get #open(): Reads<V> {
    if (this.#isClosed) throw closedError();
    return this.#reads;
  }
}
