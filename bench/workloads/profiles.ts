import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { HIGH_THROUGHPUT, LEASE, type Profile, pick, randomStream, TYPES } from '../../src/cli/demo/workload.js';
import { Latencies } from '../latency.js';
import { load, sampleOf } from '../population.js';
import type { Subject } from '../subject.js';
import { CONTROL } from '../subjects.js';
import { pipelined } from './drive.js';
import { type SoloBench, type SoloWorkload, warmUp } from './workload.js';

const QUERY_HEAVY: Profile = {
  name: 'query heavy',
  actors: 5000,
  ttlMs: 600_000,
  renewShare: 0.7,
  rangeShare: 0.2,
  perSecond: 500,
};

const PROFILES: readonly Profile[] = [LEASE, HIGH_THROUGHPUT, QUERY_HEAVY];
const IN_FLIGHT = 256;
/** Beside the default. */
const WAIT_STRATEGIES = ['spin', 'park'];

const mix = ({ name, actors, renewShare, rangeShare }: Profile) =>
  `${name} (${actors.toLocaleString('en')} actors, ${renewShare * 100} % renewals, ${rangeShare * 100} % whole types)`;

export const paced: SoloWorkload = {
  name: 'paced',
  about: `the RFC authors' profiles at their pace, on a timer of 1 ms, renewals timed from when they are sent: ${PROFILES.map(mix).join(', ')}`,
  suits: (engine) => engine !== CONTROL,
  variants: (engine) =>
    engine === 'cow-btree'
      ? WAIT_STRATEGIES.map((waitStrategy) => ({ setting: waitStrategy, options: { waitStrategy } }))
      : [],
  async run(bench) {
    for (const profile of PROFILES) await onStoreOf(profile, bench, (game) => pacedGame(game, bench, profile));
  },
};

export const unpaced: SoloWorkload = {
  name: 'profiles',
  about: `the same mixes as fast as they go, ${IN_FLIGHT} calls in flight`,
  suits: (engine) => engine !== CONTROL,
  async run(bench) {
    for (const profile of PROFILES) {
      await onStoreOf(profile, bench, async (game) => {
        const operate = () => game.operate();
        await pipelined(IN_FLIGHT, 1, warmUp(bench), operate);
        const rate = await pipelined(IN_FLIGHT, 1, bench.extent(2_000_000, 4), operate);
        bench.part(profile.name).report('rate', rate, 'op/s');
      });
    }
  },
};

async function onStoreOf(profile: Profile, bench: SoloBench, play: (game: Game) => Promise<void>): Promise<void> {
  bench.progress(profile.name);
  const subject = await bench.open(profile.name.replaceAll(' ', '-'), profile.actors);
  const present = profile.actors / 2;
  await load(subject, present, profile.ttlMs, () => {});
  subject.hold(sampleOf(bench.job.seed, present));
  await play(new Game(subject, profile, bench.job.seed));
  await subject.close();
}

async function pacedGame(game: Game, bench: SoloBench, { name, perSecond }: Profile): Promise<void> {
  const { seconds } = bench.extent(1, 8);
  await pipelined(IN_FLIGHT, 1, warmUp(bench), () => game.operate());
  await game.pace(perSecond, Math.min(1, seconds));
  game.renewals = new Latencies(Math.ceil(perSecond * seconds) + 1);
  const cpu = process.cpuUsage();
  const turns = performance.eventLoopUtilization();
  const startedMs = performance.now();
  await game.pace(perSecond, seconds);
  const wallMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(cpu);
  const part = bench.part(name);
  part.latencies(game.renewals, { strip: true });
  part.report('cpu', ((user + system) / 1000 / wallMs) * 100, '% of a core');
  part.report('main-thread', performance.eventLoopUtilization(turns).utilization * 100, '% of its time');
}

/** Deals out a profile's operations. */
class Game {
  renewals = new Latencies(0);
  readonly #subject: Subject;
  readonly #profile: Profile;
  readonly #random: () => number;
  readonly #present: number;
  #acquired = 0;
  #underWay = 0;

  constructor(subject: Subject, profile: Profile, seed: number) {
    this.#subject = subject;
    this.#profile = profile;
    this.#random = randomStream(seed + 9);
    this.#present = profile.actors / 2;
  }

  operate(): unknown {
    return this.#isRenewal() ? this.#subject.renew(this.#anyone()) : this.#other();
  }

  async pace(perSecond: number, seconds: number): Promise<void> {
    const operations = Math.ceil(perSecond * seconds);
    const startedMs = performance.now();
    for (let sent = 0; sent < operations; ) {
      const due = Math.min(operations, Math.floor(((performance.now() - startedMs) / 1000) * perSecond) + 1);
      for (; sent < due; sent++) void this.#timed();
      await sleep(1);
    }
    while (this.#underWay > 0) await sleep(1);
  }

  async #timed(): Promise<void> {
    this.#underWay++;
    if (this.#isRenewal()) {
      const at = this.#anyone();
      const startedMs = performance.now();
      await this.#subject.renew(at);
      this.renewals.add(startedMs, performance.now());
    } else {
      await this.#other();
    }
    this.#underWay--;
  }

  #isRenewal(): boolean {
    return this.#random() < this.#profile.renewShare;
  }

  #anyone(): number {
    return Math.floor(this.#random() * this.#present);
  }

  #other(): unknown {
    const { renewShare, rangeShare, ttlMs } = this.#profile;
    if (this.#random() < rangeShare / (1 - renewShare)) return this.#subject.all({ type: pick(TYPES, this.#random) });
    // Once the profile's other half is there, it is granted again: the store stays as large as the profile says.
    return this.#subject.acquire(this.#present + (this.#acquired++ % this.#present), ttlMs);
  }
}
