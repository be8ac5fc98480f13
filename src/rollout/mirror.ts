import { LeaseStoreError } from '../errors.js';
import type { ActorKey, Lease } from '../lease.js';
import type { AsyncLeaseStore } from '../lease-store.js';
import { keyText } from './keys.js';
import { sameLease } from './lease-join.js';

/** For each key, the store that answers for it and the one that only keeps a copy. */
export interface Sides<V> {
  authority(key: ActorKey): AsyncLeaseStore<V>;
  copy(key: ActorKey): AsyncLeaseStore<V>;
}

/** Keys that one turn of the mirror carries over. */
const BATCH = 256;
const BACKOFF_MS = { first: 50, max: 5000 };

/**
 * Keeps the copies up to date, behind the writes and never in their way. What it carries over is not the calls but the
 * state of each key that was touched: late, repeated or dropped work does no harm, and a slow copy only makes several
 * changes of one key into one.
 */
export class Mirror<V> {
  readonly #sides: Sides<V>;
  readonly #pendingMax: number;
  readonly #touched = new Map<string, ActorKey>();
  /** Keys that writes are under way for, and how many. */
  readonly #writing = new Map<string, number>();
  /** Keys that are being carried over. No key is twice at a time: an older state must not come after a newer one. */
  readonly #transferring = new Set<string>();
  #running: Promise<void> | undefined;
  #backoffMs = BACKOFF_MS.first;
  #wake: (() => void) | undefined;
  #closed = false;
  transferred = 0;
  failures = 0;
  /** Touches that found no room. The copy is stale there until a walk over both stores finds it. */
  dropped = 0;
  lastFailure: string | undefined;

  constructor(sides: Sides<V>, pendingMax: number) {
    this.#sides = sides;
    this.#pendingMax = pendingMax;
  }

  get pending(): number {
    return this.#touched.size;
  }

  /** Whether it is better to let it work before more is touched. */
  get crowded(): boolean {
    return this.#touched.size >= Math.min(BATCH, this.#pendingMax);
  }

  /** Whether the copy of the key may differ for a good reason. */
  isUnsettled(key: ActorKey): boolean {
    const text = keyText(key);
    return this.#touched.has(text) || this.#writing.has(text) || this.#transferring.has(text);
  }

  /** A write to the key begins; when it ends, call {@link end}. */
  begin(key: ActorKey): void {
    const text = keyText(key);
    this.#writing.set(text, (this.#writing.get(text) ?? 0) + 1);
  }

  end(key: ActorKey): void {
    this.touch(key);
    const text = keyText(key);
    const left = (this.#writing.get(text) ?? 0) - 1;
    if (left > 0) this.#writing.set(text, left);
    else this.#writing.delete(text);
  }

  /** The key's copy is to be brought up to date. */
  touch(key: ActorKey): void {
    const text = keyText(key);
    if (!this.#touched.has(text)) {
      if (this.#touched.size >= this.#pendingMax) {
        this.dropped++;
        return;
      }
      this.#touched.set(text, key);
    }
    if (!this.#closed) this.#running ??= this.#run();
  }

  /** Carries over what is pending now, and not what comes meanwhile. Throws what a store throws. */
  async transferPending(): Promise<void> {
    for (let left = this.#touched.size; left > 0; ) {
      const keys = this.#take();
      if (keys.length === 0) return;
      left -= keys.length;
      await this.#transfer(keys);
    }
  }

  /** Resolves once nothing is pending or under way. Throws what a store throws. */
  async settle(): Promise<void> {
    while (this.#touched.size > 0 || this.#transferring.size > 0) {
      const keys = this.#take();
      if (keys.length > 0) await this.#transfer(keys);
      else await nextTurn();
    }
  }

  /** Stops; what is pending stays undone. What is under way is not waited for: it may hang, and harms nothing. */
  stop(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    // Lets the rest of the turn join, and the caller's answer go first.
    await nextTurn();
    while (this.#touched.size > 0 && !this.#closed) {
      const keys = this.#take();
      if (keys.length === 0) await nextTurn();
      try {
        await this.#transfer(keys);
        this.#backoffMs = BACKOFF_MS.first;
      } catch (error) {
        this.failures++;
        this.lastFailure = error instanceof Error ? error.message : String(error);
        await this.#backOff();
      }
    }
    this.#running = undefined;
  }

  #take(): ActorKey[] {
    const keys: ActorKey[] = [];
    for (const [text, key] of this.#touched) {
      if (this.#transferring.has(text)) continue;
      this.#touched.delete(text);
      this.#transferring.add(text);
      if (keys.push(key) === BATCH) break;
    }
    return keys;
  }

  async #transfer(keys: readonly ActorKey[]): Promise<void> {
    const results = await Promise.allSettled(keys.map((key) => this.#carryOver(key)));
    keys.forEach((key, i) => {
      const text = keyText(key);
      // Not through `touch`: there was room for it before.
      if (results[i].status === 'rejected') this.#touched.set(text, key);
      else this.transferred++;
      this.#transferring.delete(text);
    });
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #carryOver(key: ActorKey): Promise<void> {
    const lease = await this.#sides.authority(key).get(key);
    await bringUpToDate(this.#sides.copy(key), key, lease);
  }

  #backOff(): Promise<void> {
    const ms = this.#backoffMs;
    this.#backoffMs = Math.min(2 * ms, BACKOFF_MS.max);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Makes a store that is not in use for this key hold this lease, or none. */
export async function bringUpToDate<V>(
  store: AsyncLeaseStore<V>,
  key: ActorKey,
  lease: Lease<V> | undefined,
): Promise<void> {
  const held = await store.get(key);
  if (sameLease(held, lease)) return;
  if (lease === undefined) {
    await store.release(held as Lease<V>);
    return;
  }
  if ((await store.import([lease])).imported === 1) return;
  // It holds what an import does not replace: a newer grant, or another state of this one, that nobody was given.
  if (held !== undefined) await store.release(held);
  if ((await store.import([lease])).imported === 1) return;
  throw new LeaseStoreError('ERR_HOLDFAST_OVERLOADED', 'the copy still holds an expired lease; it is swept soon', {
    retryable: true,
  });
}
