import type { Lease } from '../../src/lease.js';
import type { Event, Operation } from './events.js';
import { KeyHistory, type Surviving } from './key-history.js';

export interface ModelOptions {
  /** In a `'synced'` store every acknowledgement is on the disk. */
  readonly synced: boolean;
  /** With one shard, what survives a power cut is a prefix of everything; with more, nobody outside knows of which. */
  readonly oneShard: boolean;
}

interface Call {
  readonly operation: Operation;
  readonly began: number;
  readonly decidedMs: number;
}

/** How far store time may lie behind what acknowledgements told of it: they are in whole milliseconds. */
const STORE_TIME_TOLERANCE_MS = 2;

/**
 * What a store owes to whoever used it: fed with everything that the processes told, in order, and with each crash. It
 * throws as soon as the store breaks a promise.
 */
export class Model {
  readonly #options: ModelOptions;
  readonly #keys = new Map<string, KeyHistory>();
  readonly #calls = new Map<number, Call>();
  #event = 0;
  #found = new Map<string, { lease: Lease<string>; live: boolean }>();
  /** The latest store time that acknowledgements told of, and the one that is on the disk. */
  #decidedMs = 0;
  #durableMs = 0;
  #afterPowerCut = false;
  /** Answers that changed something. */
  acknowledged = 0;
  reads = 0;
  openings = 0;

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  /** Takes the next event in. Those that tell of failures of the process as a whole are the driver's business. */
  apply(event: Event): void {
    this.#event++;
    switch (event.e) {
      case 'open':
        this.#opened(event.storeMs);
        break;
      case 'found':
        this.#found.set(event.lease.key.id, event);
        break;
      case 'audited':
        this.#audited(event.atMs, event.stored);
        break;
      case 'begin':
        this.#begin(event.call, event.atMs, event.operation);
        break;
      case 'end':
        this.#end(event);
        break;
      case 'read':
        this.reads++;
        this.#of(event.key).read(event.lease, event.fromMs, event.toMs);
        break;
      case 'closed':
        if (event.failure === undefined) this.#durable(this.#event, this.#decidedMs);
    }
  }

  /** The process is gone, however that came about; `'power'`: and the machine's memory with it. */
  crash(kind: 'process' | 'power'): void {
    for (const history of this.#keys.values()) history.crash(kind === 'power');
    this.#calls.clear();
    this.#afterPowerCut = kind === 'power';
    if (kind === 'power') this.#decidedMs = this.#durableMs;
    this.#found = new Map();
  }

  #opened(storeMs: number): void {
    this.openings++;
    if (storeMs < this.#decidedMs - STORE_TIME_TOLERANCE_MS) {
      throw new Error(`store time went back: it had been ${this.#decidedMs} and is ${storeMs} after opening`);
    }
  }

  #audited(atMs: number, stored: number): void {
    if (this.#found.size !== stored) throw new Error(`${stored} leases are counted, ${this.#found.size} are read`);
    for (const key of this.#found.keys()) this.#of(key);
    const survivors: Surviving[] = [];
    for (const [key, history] of this.#keys) {
      const found = this.#found.get(key);
      survivors.push(history.found(found?.lease, found?.live ?? false, atMs));
    }
    if (this.#afterPowerCut && this.#options.oneShard) expectPrefix(survivors);
    // An opening has made durable what it serves.
    this.#durable(this.#event, this.#decidedMs);
    this.#afterPowerCut = false;
    this.#found = new Map();
  }

  #begin(call: number, atMs: number, operation: Operation): void {
    this.#calls.set(call, { operation, began: this.#event, decidedMs: this.#decidedMs });
    for (const [i, key] of operation.keys.entries()) this.#of(key).begin(operation, i, this.#event, atMs);
  }

  #end({ call, atMs, answers }: Event & { e: 'end' }): void {
    const { operation, began, decidedMs } = this.#calls.get(call) as Call;
    this.#calls.delete(call);
    const onDisk = this.#options.synced || ('synced' in operation && operation.synced);
    for (const [i, key] of operation.keys.entries()) this.#of(key).end(answers[i], this.#event, atMs, onDisk);
    if (operation.kind === 'flush' || operation.kind === 'checkpoint') {
      const [answer] = answers;
      if (!('failed' in answer)) this.#durable(began, decidedMs);
      return;
    }
    for (const answer of answers) {
      if ('failed' in answer || !answer.ok) continue;
      this.acknowledged++;
      const lease = 'lease' in answer ? answer.lease : undefined;
      if (lease !== undefined) this.#decidedMs = Math.max(this.#decidedMs, lease.expiresAtMs - lease.ttlMs);
    }
    if (this.#options.synced) this.#durableMs = this.#decidedMs;
  }

  #durable(event: number, decidedMs: number): void {
    for (const history of this.#keys.values()) history.durable(event);
    this.#durableMs = Math.max(this.#durableMs, decidedMs);
  }

  #of(key: string): KeyHistory {
    let history = this.#keys.get(key);
    if (history === undefined) {
      history = new KeyHistory(key);
      this.#keys.set(key, history);
    }
    return history;
  }
}

/** Nothing may survive that began after something else was acknowledged which is lost. */
function expectPrefix(survivors: readonly Surviving[]): void {
  const lost = Math.min(...survivors.map((each) => each.lost ?? Number.POSITIVE_INFINITY));
  const began = Math.max(...survivors.map((each) => each.began ?? 0));
  if (began > lost) throw new Error(`what began at event ${began} survived, what was acknowledged at ${lost} did not`);
}
