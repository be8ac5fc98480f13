import type { ActorKey, Lease } from '../lease.js';
import { sameLease } from './lease-join.js';
import type { Mirror, Sides } from './mirror.js';

export interface Divergence<V = unknown> {
  readonly key: ActorKey;
  /** What the store answered that the key belongs to. */
  readonly authority: Lease<V> | undefined;
  readonly copy: Lease<V> | undefined;
}

const EXAMPLES_MAX = 20;
/** Comparisons under way at a time: a copy that hangs must not pile them up. */
const AT_ONCE_MAX = 64;
/** The two stores have clocks of their own: around a deadline they may differ. */
const DEADLINE_SLACK_MS = 1000;

/** Holds a sample of the keys that are read against their copies. */
export class Comparisons<V> {
  readonly #sides: Sides<V>;
  readonly #mirror: Mirror<V>;
  readonly #sample: number;
  readonly #random: () => number;
  #underWay = 0;
  compared = 0;
  /** Not judged: too many at once, a change under way, a deadline near, or a store that failed. */
  skipped = 0;
  divergences = 0;
  readonly examples: Divergence<V>[] = [];

  constructor(sides: Sides<V>, mirror: Mirror<V>, sample: number, random: () => number) {
    this.#sides = sides;
    this.#mirror = mirror;
    this.#sample = sample;
    this.#random = random;
  }

  /** The key was read: compares it, if it falls into the sample, without keeping anybody waiting. */
  consider(key: ActorKey): void {
    if (this.#sample === 0 || this.#random() >= this.#sample) return;
    if (this.#underWay >= AT_ONCE_MAX) {
      this.skipped++;
      return;
    }
    this.#underWay++;
    this.#compare(key)
      .catch(() => {
        this.skipped++;
      })
      .finally(() => {
        this.#underWay--;
      });
  }

  async #compare(key: ActorKey): Promise<void> {
    const before = this.#mirror.isUnsettled(key);
    const [authority, copy] = await Promise.all([this.#sides.authority(key).get(key), this.#sides.copy(key).get(key)]);
    if (before || this.#mirror.isUnsettled(key) || isNearDeadline(authority) || isNearDeadline(copy)) {
      this.skipped++;
      return;
    }
    this.compared++;
    if (sameLease(authority, copy)) return;
    this.divergences++;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push({ key, authority, copy });
  }
}

function isNearDeadline(lease: Lease | undefined): boolean {
  return lease !== undefined && lease.expiresAtMs - Date.now() < DEADLINE_SLACK_MS;
}
