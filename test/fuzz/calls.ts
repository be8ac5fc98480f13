import type { LeaseStore } from '../../src/index.js';
import type { Random } from '../support/tree-random.js';
import type { Hostile } from './hostile.js';

/** A call with everything that it takes. */
export interface Call {
  readonly name: string;
  make(): Promise<unknown>;
}

type AnyCall = (...args: unknown[]) => unknown;

/** Ids of the fuzz: few, so that its calls meet. */
const IDS = ['a', 'b', 'c', '5f0c0d9e-3b86-4b0c-9f0e-0d7a3c1f2a44', 'é', '\u{1f600}'];
const OWNERS = ['node-1', 'node-2', '\u{1f600}'];
export const FUZZ_TYPE = 'fuzz';

/** Calls with arguments that are hostile, in whole or in one place. */
export class Calls {
  readonly #random: Random;
  readonly #hostile: Hostile;
  readonly #store: LeaseStore<unknown>;
  /** Other things that read: snapshots, attachments. */
  readonly #reads: () => object;
  /** What a valid value looks like in this store. */
  readonly #value: () => unknown;
  /** Tokens that were granted. */
  readonly tokens: number[] = [1];

  constructor(random: Random, hostile: Hostile, store: LeaseStore<unknown>, reads: () => object, value: () => unknown) {
    this.#random = random;
    this.#hostile = hostile;
    this.#store = store;
    this.#reads = reads;
    this.#value = value;
  }

  next(): Call {
    const random = this.#random;
    const [name, ...sound] = random.pick(this.#calls)();
    // Engines that answer with promises have no visits in place.
    if (name === 'forEach' && !this.#store.supports.syncReads) return this.next();
    // A sound argument now and then: hostile ones must not have spoilt anything for it.
    const args = sound.map((each) => (random.chance(0.15) ? each : this.#corrupt(each)));
    // What a visitor throws is the caller's own, and no concern of the store.
    if (name === 'forEach' && typeof args[1] === 'function') args[1] = () => undefined;
    const target = READS.has(name) && random.chance(0.3) ? this.#reads() : this.#store;
    return {
      name,
      make: async () => {
        const result = (target as Record<string, AnyCall>)[name](...args);
        return name === 'range' ? drained(result as Iterable<unknown>, random) : result;
      },
    };
  }

  #corrupt(sound: unknown): unknown {
    for (;;) {
      try {
        return this.#hostile.corrupt(sound);
      } catch {
        // Some of it is hostile to whoever makes it, too.
      }
    }
  }

  readonly #calls: readonly (() => [string, ...unknown[]])[] = [
    () => ['acquire', this.#key(), { owner: this.#owner(), ttlMs: 60_000, ...this.#maybeValue() }],
    () => ['acquire', this.#key(), { owner: this.#owner(), ttlMs: 5, previous: this.#token(), durability: 'synced' }],
    () => ['acquireMany', [this.#acquireRequest(), this.#acquireRequest(), this.#acquireRequest()], {}],
    () => ['renew', { key: this.#key(), token: this.#token() }, { ttlMs: 60_000, ...this.#maybeValue() }],
    () => [
      'renewMany',
      [
        { key: this.#key(), token: this.#token() },
        { key: this.#key(), token: 1, ttlMs: 9 },
      ],
      {},
    ],
    () => ['release', { key: this.#key(), token: this.#token() }, { durability: 'written' }],
    () => ['releaseOwner', this.#owner()],
    () => ['import', [this.#lease(), this.#lease()]],
    () => ['get', this.#key()],
    () => ['check', this.#key(), this.#token()],
    () => ['range', this.#range()],
    () => ['forEach', this.#range(), () => undefined],
    () => ['count', this.#range(), { live: true }],
    () => ['snapshot', { maxAgeMs: 1000 }],
    () => ['consistentSnapshot', { maxAgeMs: 1000 }],
    () => ['backup', 'a\0path', { onProgress: () => {}, signal: AbortSignal.abort() }],
  ];

  #key(): object {
    return { type: FUZZ_TYPE, id: this.#random.pick(IDS) };
  }

  #owner(): string {
    return this.#random.pick(OWNERS);
  }

  #token(): number {
    return this.#random.chance(0.8) ? this.tokens[this.tokens.length - 1] : this.#random.pick(this.tokens);
  }

  #maybeValue(): object {
    return this.#random.chance(0.5) ? { value: this.#value() } : {};
  }

  #acquireRequest(): object {
    return { key: this.#key(), owner: this.#owner(), ttlMs: 60_000, ...this.#maybeValue() };
  }

  #lease(): object {
    const token = this.#token() + this.#random.below(3);
    const times = { expiresAtMs: 2e12, ttlMs: 60_000, acquiredAtMs: 0, renewals: 1 };
    return { key: this.#key(), owner: this.#owner(), token, ...times, ...this.#maybeValue() };
  }

  #range(): object {
    const random = this.#random;
    const range: Record<string, unknown> = {};
    if (random.chance(0.7)) {
      range.type = FUZZ_TYPE;
      if (random.chance(0.5)) range[random.pick(['gt', 'gte'])] = random.pick(IDS);
      if (random.chance(0.5)) range[random.pick(['lt', 'lte'])] = random.pick(IDS);
    }
    if (random.chance(0.3)) range.owner = this.#owner();
    if (random.chance(0.2)) range.after = this.#key();
    if (random.chance(0.3)) range.limit = random.below(5);
    return { ...range, reverse: random.chance(0.3), includeExpired: random.chance(0.3) };
  }
}

const READS: ReadonlySet<string> = new Set(['get', 'check', 'range', 'forEach', 'count']);

/** Reads to the end, or stops half-way. */
async function drained(items: Iterable<unknown> | AsyncIterable<unknown>, random: Random): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) {
    all.push(item);
    if (random.chance(0.05)) break;
  }
  return all;
}
