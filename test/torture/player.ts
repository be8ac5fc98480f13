import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseStoreError, type Acquired, type Failed, type Lease, type LeaseStore } from '../../src/index.js';
import { Random } from '../support/tree-random.js';
import type { Answer, Failure, Operation } from './events.js';
import { tell } from './teller.js';

const KEYS = 48;
const GROUPS = 2;
const GROUP_KEYS = 8;
const OWNERS = ['node-1', 'node-2', 'node-3'];
/** Leases that expire while they are played with, that expire while the store is down, and that do not expire. */
const TTLS_MS = [3, 20, 100, 400, 1500, 5000, 3_600_000, 3_600_000];
const CALM_MS = 6;
const AFTER_FAILURE_MS = 10;

export interface PlayerOptions {
  readonly seed: number;
  /** Ends the process by SIGKILL at this acknowledgement. */
  readonly killAt: number | undefined;
  /** The next call that has not been told of. */
  readonly firstCall: number;
}

type Store = LeaseStore<string>;

/**
 * Plays many actors at once, each with keys of its own and one call at a time, so that for every key it is known in
 * which order its calls happened.
 */
export class Player {
  readonly #store: Store;
  readonly #options: PlayerOptions;
  readonly #nowMs: () => number;
  #call: number;
  #acknowledged = 0;
  #stopping = false;

  constructor(store: Store, nowMs: () => number, options: PlayerOptions) {
    this.#store = store;
    this.#nowMs = nowMs;
    this.#options = options;
    this.#call = options.firstCall;
  }

  /** Resolves once {@link stop} was called and every call has been answered. */
  async play(): Promise<void> {
    const random = (i: number) => new Random(this.#options.seed * 1000 + i);
    const actors = [
      ...Array.from({ length: KEYS }, (_, i) => this.#playKey(`k${i}`, random(i))),
      ...Array.from({ length: GROUPS }, (_, i) => this.#playGroup(`g${i}`, random(KEYS + i))),
      this.#keepHouse(random(KEYS + GROUPS)),
    ];
    await Promise.all(actors);
  }

  stop(): void {
    this.#stopping = true;
  }

  async #playKey(id: string, random: Random): Promise<void> {
    const key = { type: 'actor', id };
    const tokens: number[] = [];
    let round = 0;
    while (!this.#stopping) {
      const last = tokens.at(-1) ?? this.#read(id)?.token ?? 1;
      const token = random.chance(0.1) ? random.pick([...tokens.slice(-3), last + 1, 1]) : last;
      const ttlMs = random.pick(TTLS_MS);
      const synced = random.chance(0.05);
      const durability = synced ? ({ durability: 'synced' } as const) : {};
      const turn = random.below(10);
      if (turn < 3) {
        const owner = random.pick(OWNERS);
        const value = randomValue(`${id} ${round++}`, random);
        const operation = { kind: 'acquire', keys: [id], owner, ttlMs, value, synced } as const;
        const given = value === undefined ? {} : { value };
        const acquired = await this.#tell(operation, () =>
          this.#store.acquire(key, { owner, ttlMs, ...given, ...durability }).then((answer) => [answer]),
        );
        for (const answer of acquired) if ('lease' in answer) tokens.push(answer.lease.token);
      } else if (turn < 8) {
        const own = random.chance(0.3);
        await this.#tell({ kind: 'renew', keys: [id], tokens: [token], ttlMs: own ? undefined : ttlMs, synced }, () =>
          this.#store.renew({ key, token }, { ...(own ? {} : { ttlMs }), ...durability }).then((answer) => [answer]),
        );
      } else if (turn < 9) {
        await this.#tell({ kind: 'release', keys: [id], tokens: [token], synced }, () =>
          this.#store.release({ key, token }, durability).then((answer) => [answer]),
        );
      } else this.#read(id);
      await sleep(random.below(2 * CALM_MS));
    }
  }

  async #playGroup(group: string, random: Random): Promise<void> {
    const ids = Array.from({ length: GROUP_KEYS }, (_, i) => `${group}-${i}`);
    const ttlMs = 3_600_000;
    for (let round = 0; !this.#stopping; round++) {
      // Two owners in turn, each of which lets go of everything in the end: none is in the other's way.
      const owner = `${group}-owner-${round % 2}`;
      const value = `${group} ${round}`;
      const requests = ids.map((id) => ({ key: { type: 'actor', id }, owner, ttlMs, value }));
      const acquire = { kind: 'acquire', keys: ids, owner, ttlMs, value, synced: false } as const;
      const acquired = await this.#tell(acquire, async () => (await this.#store.acquireMany(requests)).map(answerOf));
      const held = acquired.flatMap((answer) => ('lease' in answer ? [answer.lease] : []));
      for (let i = random.below(4); i > 0 && held.length > 0 && !this.#stopping; i--) {
        const renewals = held.map(({ key, token }) => ({ key, token }));
        const keys = held.map(({ key }) => key.id);
        const tokens = held.map(({ token }) => token);
        await this.#tell({ kind: 'renew', keys, tokens, ttlMs: undefined, synced: false }, async () =>
          (await this.#store.renewMany(renewals)).map(answerOf),
        );
        await sleep(random.below(2 * CALM_MS));
      }
      if (this.#stopping) return;
      for (const name of [owner, `${group}-owner-${(round + 1) % 2}`]) {
        await this.#tell({ kind: 'releaseOwner', keys: ids, owner: name }, async () => {
          await this.#store.releaseOwner(name);
          return ids.map(() => ({ ok: true }) as const);
        });
      }
      await sleep(random.below(8 * CALM_MS));
    }
  }

  async #keepHouse(random: Random): Promise<void> {
    while (!this.#stopping) {
      await sleep(random.below(40 * CALM_MS));
      if (this.#stopping) return;
      const kind = random.pick(['flush', 'flush', 'checkpoint'] as const);
      await this.#tell({ kind, keys: [] }, async () => {
        await this.#store[kind]();
        return [{ ok: true }];
      });
    }
  }

  #read(id: string): Lease<string> | undefined {
    const fromMs = this.#nowMs();
    const lease = this.#store.get({ type: 'actor', id });
    tell({ e: 'read', key: id, fromMs, toMs: this.#nowMs(), lease });
    return lease;
  }

  /** Makes a call between two lines about it. */
  async #tell(operation: Operation, call: () => Promise<readonly Answer[]>): Promise<readonly Answer[]> {
    const number = this.#call++;
    tell({ e: 'begin', call: number, atMs: this.#nowMs(), operation });
    let answers: readonly Answer[];
    try {
      answers = await call();
    } catch (error) {
      const failed = failureOf(error);
      answers = operation.keys.length === 0 ? [{ failed }] : operation.keys.map(() => ({ failed }));
    }
    tell({ e: 'end', call: number, atMs: this.#nowMs(), answers });
    const failed = answers.some((answer) => 'failed' in answer);
    if (!failed && ++this.#acknowledged === this.#options.killAt) process.kill(process.pid, 'SIGKILL');
    if (failed) await sleep(AFTER_FAILURE_MS);
    return answers;
  }
}

/** Throws what is no failure of the store but a bug in it. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof LeaseStoreError)) throw error;
  const { code, outcome, message } = error;
  return { code, outcome, message };
}

function answerOf(answer: Acquired<string> | Failed | Exclude<Answer, { failed: Failure }>): Answer {
  return !answer.ok && answer.reason === 'failed' ? { failed: failureOf(answer.error) } : (answer as Answer);
}

/** None, a short one, or now and then one that takes nodes of its own. */
function randomValue(text: string, random: Random): string | undefined {
  if (random.chance(0.2)) return undefined;
  return random.chance(0.05) ? text.padEnd(random.between(1000, 4000), ' long') : text;
}
