import type { Clock } from '../clock.js';
import { LeaseStoreError } from '../errors.js';
import type { ClientBell } from '../mailbox/client-bell.js';
import { Calls, type Target } from './calls.js';
import type { Mailbox } from './mailbox.js';
import type { Prepared } from './prepared.js';
import { Pump } from './pump.js';
import type { Outgoing } from './request-writer.js';

const NOBODY: ReadonlySet<number> = new Set();

/** Requests to mailboxes, completions to their callers, and the bound on how many may be under way. */
export class Dispatcher {
  readonly #mailboxes: readonly Mailbox[];
  readonly #calls = new Calls();
  readonly #pump: Pump;
  readonly #pendingMax: number;
  /** Why a shard takes no more requests, for those that do not. */
  readonly #down: (LeaseStoreError | undefined)[] = [];
  /** Why none does. */
  #refusal: LeaseStoreError | undefined;
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor(mailboxes: readonly Mailbox[], bell: ClientBell, clock: Clock, pendingMax: number, spins: boolean) {
    this.#mailboxes = mailboxes;
    this.#pendingMax = pendingMax;
    this.#pump = new Pump({
      bell,
      monotonicMs: clock.monotonicMs,
      drain: () => this.#drain(),
      ready: () => this.#ready(),
      waking: () => this.#mailboxes.some((mailbox) => mailbox.waking),
      busy: () => this.#calls.size > 0,
      spins,
    });
  }

  get shards(): number {
    return this.#mailboxes.length;
  }

  /** Whether it takes no more requests. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Operations under way. */
  get pending(): number {
    return this.#calls.size;
  }

  /** Takes a request on its way; {@link send} makes it go. Refuses when too many are under way. */
  post(shard: number, out: Outgoing, target: Target, index: number): void {
    if (this.#calls.size >= this.#pendingMax) throw overloaded(this.#pendingMax);
    if (this.#closed) throw closedError();
    const down = this.#refusal ?? this.#down[shard];
    if (down !== undefined) {
      target.fail(down, index);
      return;
    }
    out.call = this.#calls.add(target, index, shard);
    this.#mailboxes[shard].post(out);
  }

  /** As {@link post}, for one request of a batch, whose sender bounds how many are under way. */
  postPrepared(prepared: Prepared, i: number, target: Target, index: number): void {
    if (this.#closed) throw closedError();
    const shard = prepared.shard(i);
    const down = this.#refusal ?? this.#down[shard];
    if (down !== undefined) {
      target.fail(down, index);
      return;
    }
    this.#mailboxes[shard].postRecord(prepared.words, prepared.start(i), this.#calls.add(target, index, shard));
  }

  send(shard: number): void {
    this.#mailboxes[shard].send();
    this.#pump.start();
  }

  sendAll(): void {
    for (const mailbox of this.#mailboxes) mailbox.send();
    this.#pump.start();
  }

  /** Takes no more requests; what is under way goes on. */
  close(): void {
    this.#closed = true;
  }

  /** Resolves once nothing is under way; what found no room in a mailbox so far is still to be sent. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      this.#tellIdle();
    });
  }

  /**
   * Fails what a thread that died had been sent and had not answered. What had found no room so far, and what is posted
   * meanwhile, waits for {@link resumeShard}.
   */
  failShard(shard: number, error: LeaseStoreError): void {
    const mailbox = this.#mailboxes[shard];
    mailbox.hold(this.#calls);
    this.#calls.failShard(shard, error, mailbox.waiting);
    this.#tellIdle();
  }

  /** The shard has a new thread: what waited for it goes on its way. */
  resumeShard(shard: number): void {
    this.#down[shard] = undefined;
    this.#mailboxes[shard].resume();
    this.#pump.start();
  }

  /** The shard gets no new thread, for now or for good: what waited fails, and so does whatever comes. */
  dropShard(shard: number, error: LeaseStoreError): void {
    this.#down[shard] = error;
    this.#mailboxes[shard].drop();
    this.#calls.failShard(shard, error, NOBODY);
    this.#tellIdle();
  }

  /** No shard takes any more requests; what is under way goes on. */
  refuse(error: LeaseStoreError): void {
    this.#refusal ??= error;
  }

  #drain(): boolean {
    let any = false;
    for (const mailbox of this.#mailboxes) if (mailbox.drain(this.#calls)) any = true;
    if (any) this.#tellIdle();
    return any;
  }

  #ready(): boolean {
    for (const mailbox of this.#mailboxes) if (mailbox.ready) return true;
    return false;
  }

  #tellIdle(): void {
    if (this.#calls.size === 0) this.#onIdle?.();
  }
}

export function closedError(): LeaseStoreError {
  return new LeaseStoreError('ERR_HOLDFAST_CLOSED', 'the store was closed; open it again to use it');
}

function overloaded(pendingMax: number): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_OVERLOADED',
    `${pendingMax} operations are under way already (pendingMax); await some before starting more, or use renewMany`,
    { retryable: true },
  );
}
