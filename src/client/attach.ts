import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { StoreTime, systemClock, type TimeBase } from '../clock.js';
import type { LeaseReads, LeaseSnapshot, SnapshotOptions } from '../lease-store.js';
import { LeaseStoreError } from '../errors.js';
import { checkSnapshotAge } from '../arguments.js';
import type { ActorKey, CountOptions, Lease, LeaseRange, LeaseView } from '../lease.js';
import type { ValueEncoding } from '../manifest.js';
import { Control } from '../memory/control.js';
import { claimRow, freeRow } from '../memory/pins.js';
import { Slabs, type SlabsHandle } from '../memory/slabs.js';
import { valueCodec } from '../value-codec.js';
import { type ReadParts, Reads } from './reads/reads.js';
import { ShardView } from './reads/shard-view.js';
import { Snapshot } from './reads/snapshot.js';
import { type HashSeed, Router } from './router.js';

/**
 * What another thread of the process needs to read a store: pass it as a message or as `workerData`, with
 * {@link StoreHandle.port} in the transfer list. Good for one thread, once.
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

/** Reads the store behind a handle from this thread, in place, as the opening thread does. */
export function attach<V = unknown>(handle: StoreHandle): AttachedReads<V> {
  if (typeof handle !== 'object' || handle === null || handle.kind !== 'holdfast-handle') {
    throw new LeaseStoreError('ERR_HOLDFAST_INVALID_ARGUMENT', 'handle must be what store.handle() answered');
  }
  return new Attached<V>(handle);
}

class Attached<V> implements AttachedReads<V> {
  readonly #port: MessagePort;
  readonly #parts: ReadParts<V>;
  readonly #reads: Reads<V>;
  #closed = false;

  constructor(handle: StoreHandle) {
    const time = new StoreTime(systemClock(), handle.time);
    this.#port = handle.port;
    this.#port.once('close', () => {
      this.#closed = true;
    });
    this.#port.unref();
    this.#parts = {
      views: handle.shards.map(({ control, slabs }) => new ShardView(new Slabs(slabs), new Control(control), handle.row)),
      router: new Router(handle.hashSeed, handle.shards.length),
      codec: valueCodec<V>(handle.valueEncoding),
      nowMs: () => time.nowMs(),
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
    // Fails first if closed.
    void this.#open;
    return new Snapshot(this.#parts, checkSnapshotAge(options));
  }

  close(): void {
    this.#closed = true;
    this.#port.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #open(): Reads<V> {
    if (this.#closed) throw new LeaseStoreError('ERR_HOLDFAST_CLOSED', 'the attachment was closed, or its store was');
    return this.#reads;
  }
}
