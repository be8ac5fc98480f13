import type { ActorKey, Grant, LeaseReads } from '../../index.js';

/** The workload that the RFC's authors use: 20 types, UUID ids, 5 nodes. */
export const TYPES = Array.from({ length: 20 }, (_, i) => `actor-type-${String(i).padStart(2, '0')}`);
export const NODES = Array.from({ length: 5 }, (_, i) => `node-${i}`);

/** One of their mixes of operations. What is neither a renewal nor a range query acquires a new actor. */
export interface Profile {
  readonly name: string;
  /** Half of them exist before the run starts. */
  readonly actors: number;
  readonly ttlMs: number;
  readonly renewShare: number;
  /** Range queries of a whole type. */
  readonly rangeShare: number;
  /** Operations a second, where the run is paced. */
  readonly perSecond: number;
}

export const LEASE: Profile = {
  name: 'lease',
  actors: 10_000,
  ttlMs: 300_000,
  renewShare: 0.85,
  rangeShare: 0.05,
  perSecond: 1000,
};

export const HIGH_THROUGHPUT: Profile = {
  name: 'high throughput',
  actors: 50_000,
  ttlMs: 60_000,
  renewShare: 0.9,
  rangeShare: 0.02,
  perSecond: 10_000,
};

/** For the big store: long enough that nothing expires while the demo looks at it. */
export const TTL_MS = 60 * 60 * 1000;

/**
 * Leases that a range query reads. In a profile's own size this is the whole type; in a store of millions, reading whole
 * types unpaced would leave no time for anything else.
 */
const RANGE_LIMIT = HIGH_THROUGHPUT.actors / TYPES.length;

/** A range query: visits leases of a type and looks at who holds each, and until when. Answers how many still hold. */
export function readType(store: LeaseReads<unknown>, type: string): number {
  const now = Date.now();
  let held = 0;
  store.forEach({ type, limit: RANGE_LIMIT }, (lease) => {
    if (lease.owner !== '' && lease.expiresAtMs > now) held++;
  });
  return held;
}

/** The actor with a number: the same one in every process that has the seed. */
export function actor(seed: number, index: number): ActorKey {
  const a = mix(seed ^ Math.imul(index, 0x9e3779b1));
  const b = mix(a ^ index);
  const c = mix(b + 0x7f4a7c15);
  const d = mix(c ^ seed);
  const hex = (word: number) => word.toString(16).padStart(8, '0');
  const [h1, h2, h3, h4] = [hex(a), hex(b), hex(c), hex(d)];
  // Joined, it is one text as a decoder makes it; from a template it would stay a chain of pieces, each looked up in memory.
  const id = [h1, h2.slice(0, 4), `4${h2.slice(5)}`, `a${h3.slice(1, 4)}`, h3.slice(4) + h4].join('-');
  return { type: TYPES[index % TYPES.length], id };
}

/** Each node holds actors of every type. */
export function nodeOf(index: number): string {
  return NODES[Math.floor(index / TYPES.length) % NODES.length];
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * A grant as a request brings it: decoded a moment ago. Out of a list of a million, each would be fetched from memory
 * first, which is the list's doing and not the store's.
 */
export function asReceived({ key, token }: Grant): Grant {
  return JSON.parse(JSON.stringify({ key, token }));
}

/** A seeded stream of numbers in [0, 1). */
export function randomStream(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    return mix(state) / 4294967296;
  };
}

export function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)];
}
