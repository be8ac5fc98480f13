import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CowBtreeStore, Grant } from '../../index.js';
import { Latencies } from './latency.js';
import { actor, nodeOf, type Profile, pick, randomStream, readType, TYPES } from './workload.js';

type Store = CowBtreeStore<unknown>;

export interface Paced {
  /** "P50 / P95 / P99" of renewals, in µs. */
  readonly latency: string;
  /** Of one core, by all threads. */
  readonly cpuShare: number;
  readonly mainThreadShare: number;
}

const SEED = 6;

/**
 * Plays a profile at its own pace against a store of its own size. Operations are sent by a timer of one millisecond,
 * those of one tick together, as a service's requests arrive; a renewal is timed from when it was sent.
 */
export async function paced(store: Store, profile: Profile, seconds: number): Promise<Paced> {
  const game = new Game(store, profile, profile.perSecond * seconds);
  await game.prepare();
  const cpu = process.cpuUsage();
  const busy = performance.eventLoopUtilization();
  const started = performance.now();
  const latency = await game.play(started);
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return {
    latency,
    cpuShare: (user + system) / 1000 / wallMs,
    mainThreadShare: performance.eventLoopUtilization(busy).utilization,
  };
}

class Game {
  readonly #store: Store;
  readonly #profile: Profile;
  readonly #operations: number;
  readonly #random = randomStream(SEED);
  readonly #latencies: Latencies;
  readonly #grants: Grant[] = [];
  #underWay = 0;
  #next: number;

  constructor(store: Store, profile: Profile, operations: number) {
    this.#store = store;
    this.#profile = profile;
    this.#operations = operations;
    this.#latencies = new Latencies(operations);
    this.#next = profile.actors / 2;
  }

  async prepare(): Promise<void> {
    const { ttlMs } = this.#profile;
    const requests = Array.from({ length: this.#next }, (_, i) => ({ key: actor(SEED, i), owner: nodeOf(i), ttlMs }));
    for (const outcome of await this.#store.acquireMany(requests)) if (outcome.ok) this.#grants.push(outcome.lease);
  }

  async play(startedMs: number): Promise<string> {
    const { perSecond } = this.#profile;
    for (let sent = 0; sent < this.#operations; ) {
      const due = Math.min(this.#operations, Math.floor(((performance.now() - startedMs) / 1000) * perSecond) + 1);
      for (; sent < due; sent++) void this.#operate();
      await sleep(1);
    }
    while (this.#underWay > 0) await sleep(1);
    return this.#latencies.summary();
  }

  async #operate(): Promise<void> {
    const { renewShare, rangeShare } = this.#profile;
    const dice = this.#random();
    this.#underWay++;
    if (dice < renewShare) await this.#renew(pick(this.#grants, this.#random));
    else if (dice < renewShare + rangeShare) readType(this.#store, pick(TYPES, this.#random));
    else await this.#acquire(this.#next++);
    this.#underWay--;
  }

  async #renew(grant: Grant): Promise<void> {
    const started = performance.now();
    await this.#store.renew(grant);
    this.#latencies.add(started);
  }

  async #acquire(index: number): Promise<void> {
    const { ttlMs } = this.#profile;
    const acquired = await this.#store.acquire(actor(SEED, index), { owner: nodeOf(index), ttlMs });
    if (acquired.ok) this.#grants.push(acquired.lease);
  }
}
