import {
  type AsyncLeaseStore,
  type CowBtreeStore,
  type EngineName,
  type Grant,
  type LeaseStore,
  type LeaseView,
  openStore,
  type ShardMetrics,
  type StoreOptions,
} from '../src/index.js';
import { actor, nodeOf } from '../src/cli/demo/workload.js';
import type { OpenSubject, Sample, Subject, SubjectSetup } from './subject.js';

/** An engine of this project, through the interface that its users have. */
export function engineSubject(engine: EngineName): OpenSubject {
  return async (setup) => {
    const { directory, durability, options } = setup;
    const chosen: StoreOptions = { engine, directory, durability, ...options };
    return new EngineSubject(await openStore(chosen), setup, modeOf(chosen));
  };
}

function modeOf({ engine, directory: _, onProgress: __, ...chosen }: StoreOptions): string {
  const words = Object.entries(chosen).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return `openStore, engine '${engine}', ${words.join(', ')}, else defaults`;
}

export class EngineSubject implements Subject {
  readonly store: AsyncLeaseStore;
  readonly level;
  readonly mode: string;
  readonly syncReads: boolean;
  readonly #seed: number;
  /** By number of the actor. */
  readonly #tokens: Float64Array;
  readonly visit?: (type: string) => number;
  readonly checkpoint?: () => Promise<void>;
  #grants: Grant[] = [];

  constructor(store: AsyncLeaseStore, { durability, seed, tokens }: SubjectSetup, mode: string) {
    this.store = store;
    this.level = store.supports.persistence ? durability : ('none' as const);
    this.mode = mode;
    this.syncReads = store.supports.syncReads;
    this.#seed = seed;
    this.#tokens = tokens;
    // The engines over a library have nothing of their own to write down.
    if (OWN_CHECKPOINT.includes(store.engine)) this.checkpoint = () => store.checkpoint();
    if (isSync(store)) this.visit = (type) => store.forEach({ type }, readView);
  }

  async load(from: number, to: number, ttlMs: number): Promise<void> {
    const requests = Array.from({ length: to - from }, (_, i) => ({
      key: actor(this.#seed, from + i),
      owner: nodeOf(from + i),
      ttlMs,
    }));
    const outcomes = await this.store.acquireMany(requests);
    outcomes.forEach((outcome, i) => {
      if (!outcome.ok) {
        const why = outcome.reason === 'failed' ? outcome.error.message : outcome.reason;
        throw new Error(`actor ${from + i} could not be loaded: ${why}`);
      }
      this.#tokens[from + i] = outcome.lease.token;
    });
  }

  hold({ keys, actors }: Sample): void {
    this.#grants = keys.map((key, at) => ({ key, token: this.#tokens[actors[at]] }));
  }

  acquire(index: number, ttlMs: number): Promise<unknown> {
    return this.store.acquire(actor(this.#seed, index), { owner: nodeOf(index), ttlMs });
  }

  renew(at: number): Promise<unknown> {
    return this.store.renew(this.#grants[at]);
  }

  renewMany(order: Uint32Array, from: number, to: number): Promise<unknown> {
    const requests: Grant[] = [];
    for (let i = from; i < to; i++) requests.push(this.#grants[order[i]]);
    return this.store.renewMany(requests);
  }

  get(at: number): unknown {
    return this.store.get(this.#grants[at].key);
  }

  scan(at: number, limit: number): number | Promise<number> {
    const { type, id } = this.#grants[at].key;
    return rows(this.store.range({ type, gte: id, limit }));
  }

  all(of: { readonly type: string } | { readonly owner: string }): number | Promise<number> {
    return rows(this.store.range(of));
  }

  count(type: string): number | Promise<number> {
    return this.store.count({ type });
  }

  close(): Promise<void> {
    return this.store.close();
  }

  /** What only the tree has figures for; undefined in other engines. */
  tree(): TreeFigures | undefined {
    if (!isTree(this.store)) return undefined;
    const { shards } = this.store.metrics();
    const bytesOf = (count: (nodes: ShardMetrics['nodes']) => number) =>
      shards.reduce((sum, { nodes }) => sum + (count(nodes) * nodes.bytes) / nodes.allocated, 0);
    return {
      walBytes: shards.reduce((sum, { wal }) => sum + wal.bytes, 0),
      slabBytes: bytesOf(({ allocated, retired }) => allocated - retired),
      slabBytesPeak: bytesOf(({ peak }) => peak),
      sharedByLastCommit: Math.min(...shards.map(({ nodes }) => nodes.sharedByLastCommit)),
    };
  }

  /** How long the steps of the recovery took on the slowest shard, in ms; empty in engines that do not say. */
  recoverySteps(): Readonly<Record<string, number>> {
    if (!isTree(this.store)) return {};
    const took = this.store.recovery.map((shard) => shard.took);
    const slowest = (step: 'load' | 'replay' | 'check') => Math.max(...took.map((steps) => steps[step]));
    return { load: slowest('load'), replay: slowest('replay'), check: slowest('check') };
  }
}

export interface TreeFigures {
  /** Written to the log so far. */
  readonly walBytes: number;
  /** Of the nodes of the present trees. */
  readonly slabBytes: number;
  /** Of all nodes when they were most, with those that a checkpoint held as they had been. */
  readonly slabBytesPeak: number;
  readonly sharedByLastCommit: number;
}

function isTree(store: AsyncLeaseStore): store is CowBtreeStore<unknown> {
  return store.engine === 'cow-btree';
}

const OWN_CHECKPOINT: readonly EngineName[] = ['cow-btree', 'append-log', 'mmap-wal'];

export function isSync(store: AsyncLeaseStore): store is LeaseStore {
  return store.supports.syncReads;
}

/** Looks at what a coordinator would. */
function readView(view: LeaseView): boolean {
  return view.owner !== '' && view.expiresAtMs > 0;
}

function rows(leases: IterableIterator<unknown> | AsyncIterableIterator<unknown>): number | Promise<number> {
  if (Symbol.asyncIterator in leases) return rowsLater(leases);
  let count = 0;
  for (const _ of leases) count++;
  return count;
}

async function rowsLater(leases: AsyncIterableIterator<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of leases) count++;
  return count;
}
