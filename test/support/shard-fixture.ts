import { createControl } from '../../native-layout/shard-control.js';
import { type HashSeed, Router } from '../../src/client/router.js';
import type { ReadParts } from '../../src/client/reads/parts.js';
import { ShardView } from '../../src/client/reads/shard-view.js';
import { Key, KeyEncoder } from '../../src/key.js';
import type { ActorKey, Lease } from '../../src/lease.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Commits } from '../../src/memory/commits.js';
import { Control } from '../../src/memory/control.js';
import { claimRow } from '../../src/memory/pins.js';
import { Slabs } from '../../src/memory/slabs.js';
import { LeaseTable } from '../../src/table/lease-table.js';
import { valueCodec } from '../../src/value-codec.js';

/** Where the clock of a fixture stands at first, ms. */
export const START_MS = 1_700_000_000_000;

const HASH_SEED: HashSeed = [1, 2, 3, 4];

/** The lease as the fixture is asked to store it; `acquiredAtMs` follows from the token. */
export type Stored = Omit<Lease<string>, 'acquiredAtMs'>;

class ShardOfFixture {
  readonly control: Control;
  readonly slabs: Slabs;
  readonly commits: Commits;
  readonly #allocator: NodeAllocator;
  #table: LeaseTable;

  constructor(shard: number, nodeBytes: number, memoryBytes: number) {
    this.control = new Control(createControl(shard, nodeBytes));
    this.slabs = Slabs.reserve(nodeBytes, memoryBytes);
    this.commits = new Commits(this.control);
    this.#allocator = new NodeAllocator(this.slabs, 0);
    const nothing = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };
    this.#table = new LeaseTable(this.slabs, this.#allocator, nothing);
  }

  put(key: Key, lease: Stored, owner: Uint8Array): void {
    const value = lease.value === undefined ? undefined : Buffer.from(lease.value);
    const found = this.#table.find(key);
    this.#table.grant(key, found, owner, lease.token, lease.expiresAtMs, lease.ttlMs, lease.renewals, value);
  }

  remove(key: Key): void {
    if (this.#table.find(key)) this.#table.remove(key);
  }

  publish(storeMs: number): void {
    const { commit } = this.#allocator;
    const { roots } = this.#table;
    this.commits.publish({ commit, lsn: commit, storeMs, token: 0, ...roots });
    // As after a restart of the writer: owner references that are free are given out again from the lowest.
    this.#table = new LeaseTable(this.slabs, this.#allocator, roots);
    this.#allocator.published();
    this.#allocator.reclaim(this.commits.scanPins().commits);
  }
}

/** The shards of a store as its readers meet them, written to directly: no threads, no log, a clock moved by hand. */
export class ShardFixture {
  readonly shards: readonly ShardOfFixture[];
  readonly hashSeed = HASH_SEED;
  readonly router: Router;
  nowMs = START_MS;
  #closed = false;
  readonly #encoder = new KeyEncoder();
  readonly #key = new Key();

  constructor(shards = 1, nodeBytes = 2048, memoryBytes = 1 << 24) {
    this.shards = Array.from({ length: shards }, (_, shard) => new ShardOfFixture(shard, nodeBytes, memoryBytes));
    this.router = new Router(HASH_SEED, shards);
    this.publish();
  }

  get controls(): Control[] {
    return this.shards.map(({ control }) => control);
  }

  put(lease: Stored): this {
    const key = this.#encoder.encode(this.#key, lease.key);
    this.shards[this.router.shardOf(key)].put(key, lease, this.#encoder.owner(lease.owner));
    return this;
  }

  remove(actor: ActorKey): this {
    const key = this.#encoder.encode(this.#key, actor);
    this.shards[this.router.shardOf(key)].remove(key);
    return this;
  }

  /** Makes what was written since the last time what readers see, and frees what they no longer need. */
  publish(): this {
    for (const shard of this.shards) shard.publish(this.nowMs);
    return this;
  }

  /** Takes resting pins away: those past their deadline by the fixture's clock, or all. Answers how many. */
  oust(everyIdle: boolean): number {
    return this.shards.reduce((sum, { commits }) => sum + commits.oust(Math.floor(this.nowMs / 1000), everyIdle), 0);
  }

  /** Commits that readers hold, over all shards. */
  get pinned(): number {
    return this.shards.reduce((sum, { commits }) => sum + commits.pinned().length, 0);
  }

  /** What a reading thread works with, on a row of its own. Values are strings. */
  parts(): ReadParts<string> {
    const { controls, router } = this;
    const row = claimRow(controls);
    const views = this.shards.map(({ slabs, control }) => new ShardView(slabs, control, row));
    return {
      views,
      router,
      codec: valueCodec('utf8'),
      nowMs: () => this.nowMs,
      isClosed: () => this.#closed,
    };
  }

  close(): void {
    this.#closed = true;
  }
}
