import type { ActorKey } from '../../lease.js';

/** The workload that the RFC's authors use: 20 types, UUID ids, 5 nodes. */
export const TYPES = Array.from({ length: 20 }, (_, i) => `actor-type-${String(i).padStart(2, '0')}`);
export const NODES = Array.from({ length: 5 }, (_, i) => `node-${i}`);

/** The share of operations in the *high throughput* profile; the rest acquires new actors. */
export const RENEW_SHARE = 0.9;
export const RANGE_SHARE = 0.02;

/** Long enough that nothing expires while the demo looks at it. */
export const TTL_MS = 10 * 60 * 1000;

/** The actor with a number: the same one in every process that has the seed. */
export function actor(seed: number, index: number): ActorKey {
  const a = mix(seed ^ Math.imul(index, 0x9e3779b1));
  const b = mix(a ^ index);
  const c = mix(b + 0x7f4a7c15);
  const d = mix(c ^ seed);
  const hex = (word: number) => word.toString(16).padStart(8, '0');
  const [h1, h2, h3, h4] = [hex(a), hex(b), hex(c), hex(d)];
  const id = `${h1}-${h2.slice(0, 4)}-4${h2.slice(5)}-a${h3.slice(1, 4)}-${h3.slice(4)}${h4}`;
  return { type: TYPES[index % TYPES.length], id };
}

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

/** A seeded stream of numbers in [0, 1). */
export function randomStream(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    return mix(state) / 4294967296;
  };
}
