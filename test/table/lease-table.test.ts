import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Key, KeyEncoder } from '../../src/key.js';
import { KeyRun } from '../../src/tree/key-run.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Slabs } from '../../src/memory/slabs.js';
import { LeaseTable, type Roots } from '../../src/table/lease-table.js';
import { ownerEntries } from '../../src/table/owner-names.js';
import { forEachExpired, shiftDeadlines } from '../../src/table/shift.js';
import { Node } from '../../src/tree/node.js';
import { scaled, seed } from '../support/env.js';
import { type StoredLease, storedLeases } from '../support/stored-leases.js';
import { Random } from '../support/tree-random.js';

const EMPTY: Roots = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };

/** A table with the same leases in a map, changed together. */
class Pair {
  readonly slabs: Slabs;
  readonly allocator: NodeAllocator;
  readonly table: LeaseTable;
  readonly map = new Map<string, StoredLease>();
  readonly #key = new Key();
  readonly #encoder = new KeyEncoder();

  constructor(slabs = Slabs.reserve(2048, 1 << 22), ids: readonly number[] = []) {
    this.slabs = slabs;
    this.allocator = new NodeAllocator(slabs, 0);
    this.table = new LeaseTable(slabs, this.allocator, EMPTY);
    // What is free already is handed out first, the last of it before all.
    for (const id of ids) this.allocator.retire(id);
    this.commit();
  }

  key(text: string): Key {
    const [type, id] = text.split('/');
    return this.#encoder.encode(this.#key, { type, id });
  }

  grant(text: string, lease: StoredLease): void {
    const { owner, token, expiresAtMs, ttlMs, renewals, value } = lease;
    const key = this.key(text);
    const bytes = value === undefined ? undefined : Buffer.from(value);
    this.table.grant(key, this.table.find(key), Buffer.from(owner), token, expiresAtMs, ttlMs, renewals, bytes);
    this.map.set(text, lease);
  }

  renew(text: string, expiresAtMs: number, ttlMs: number, value: string | undefined): void {
    const key = this.key(text);
    const before = this.map.get(text) as StoredLease;
    assert.ok(this.table.find(key));
    const renewals = before.renewals + 1;
    this.table.renew(key, expiresAtMs, ttlMs, renewals, value === undefined ? undefined : Buffer.from(value));
    this.map.set(text, { ...before, expiresAtMs, ttlMs, renewals, value: value ?? before.value });
  }

  remove(text: string): void {
    const key = this.key(text);
    assert.ok(this.table.find(key));
    this.table.remove(key);
    this.map.delete(text);
  }

  removeAll(texts: readonly string[]): void {
    const keys = new KeyRun();
    const sorted = texts.map((text) => ({ text, bytes: Buffer.from(this.key(text).toBytes()) }));
    sorted.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
    for (const { bytes } of sorted) keys.add().setBytes(bytes);
    let seen = 0;
    this.table.removeAll(keys, (key, token) => {
      const { text, bytes } = sorted[seen++];
      assert.ok(bytes.equals(key.toBytes()));
      assert.is(token, this.map.get(text)?.token);
    });
    assert.is(seen, texts.length);
    for (const text of texts) this.map.delete(text);
  }

  readonly commit = (): void => {
    this.allocator.published();
    this.allocator.reclaim([]);
  };

  expectSame(): void {
    const met = new Set<number>();
    const found = storedLeases(this.slabs, this.table.roots, (id) => !met.has(id) && met.add(id) !== undefined);
    assert.equal(found, new Map([...found.keys()].map((key) => [key, this.map.get(key)])));
    assert.is(found.size, this.map.size);
  }
}

const SIZES = [0, 1, 30, 511, 512, 513, 600, 2007, 2008, 2009, 4096];

function randomLease(random: Random): StoredLease {
  const size = random.chance(0.5) ? undefined : random.pick(SIZES);
  return {
    owner: `node-${random.below(40)}`,
    token: 2 ** 40 + random.u32() * 1000,
    expiresAtMs: 1_700_000_000_000 + random.below(1_000_000),
    ttlMs: random.between(1, 2 ** 32 - 1),
    renewals: random.u32(),
    value: size === undefined ? undefined : String(random.below(10)).repeat(size),
  };
}

/** As many nodes as there are ids, of which only those around a few are memory of their own. */
function slabsUpToTwo32(ids: readonly number[]): Slabs {
  const slabBytes = 64 * 1024 * 1024;
  const perSlab = slabBytes / 2048;
  const elsewhere = new SharedArrayBuffer(slabBytes);
  const buffers: SharedArrayBuffer[] = new Array(2 ** 32 / perSlab).fill(elsewhere);
  for (const slab of new Set(ids.map((id) => Math.floor(id / perSlab)))) {
    if (buffers[slab] === elsewhere) buffers[slab] = new SharedArrayBuffer(slabBytes);
  }
  return new Slabs({ nodeBytes: 2048, memories: buffers });
}

test('node ids may pass 2^31 and come up to 2^32', () => {
  const around = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);
  const ids = [...around(2 ** 31 - 200, 400), ...around(2 ** 32 - 400, 400)];
  const random = new Random(seed);
  // In no order, so that nodes on all sides refer to each other.
  for (let i = ids.length - 1; i > 0; i--) {
    const k = random.below(i + 1);
    [ids[i], ids[k]] = [ids[k], ids[i]];
  }
  const pair = new Pair(slabsUpToTwo32(ids), ids);
  const used = new Set<boolean>();
  for (let i = 0; i < 4000; i++) {
    const text = `${random.below(3)}/${random.chance(0.5) ? uuid(random.below(200)) : random.below(300)}`;
    if (pair.map.has(text) && random.chance(0.4)) pair.remove(text);
    else pair.grant(text, randomLease(random));
    if (i % 7 === 0) pair.commit();
    if (i % 500 === 499) pair.expectSame();
    used.add(pair.table.roots.leases >= 2 ** 31);
  }
  assert.equal([...used].sort(), [false, true], 'roots on both sides');
  for (const text of [...pair.map.keys()]) pair.remove(text);
  pair.commit();
  assert.equal(pair.table.roots, EMPTY);
  assert.is(pair.allocator.free, ids.length, 'every node came back, and no other was taken');
});

test('grants, renewals and removals in random order leave what a map would hold', () => {
  for (let n = 0; n < scaled(4, 200); n++) {
    const random = new Random(seed + n);
    const pair = new Pair();
    let committed: { roots: Roots; leases: Map<string, StoredLease> } = { roots: EMPTY, leases: new Map() };
    for (let i = 0; i < 3000; i++) {
      const text = `${random.below(3)}/${random.chance(0.3) ? uuid(random.below(200)) : random.below(300)}`;
      const known = pair.map.has(text);
      if (!known || random.chance(0.3)) pair.grant(text, randomLease(random));
      else if (random.chance(0.4)) pair.remove(text);
      else {
        const { expiresAtMs, ttlMs, value } = randomLease(random);
        pair.renew(text, expiresAtMs, ttlMs, value);
      }
      if (random.chance(0.01)) pair.removeAll([...pair.map.keys()].filter(() => random.chance(0.2)));
      if (random.chance(0.05)) {
        pair.commit();
        committed = { roots: pair.table.roots, leases: new Map(pair.map) };
      } else if (random.chance(0.01)) {
        // A group that is given up.
        pair.table.reset(committed.roots);
        pair.allocator.rollback();
        pair.map.clear();
        for (const [key, lease] of committed.leases) pair.map.set(key, lease);
      }
      if (i % 500 === 499) pair.expectSame();
    }
    for (const text of [...pair.map.keys()]) pair.remove(text);
    pair.commit();
    assert.equal(pair.table.roots, EMPTY);
    assert.is(pair.allocator.allocated, 0, 'every node came back');
  }
});

function uuid(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

test('a change takes no more nodes than were asked for', () => {
  const random = new Random(seed);
  const pair = new Pair();
  for (let i = 0; i < 4000; i++) {
    const text = `t/${'x'.repeat(random.below(200))}${random.below(2000)}`;
    const lease = { ...randomLease(random), owner: `${random.below(400)}`.padEnd(random.between(3, 128), 'o') };
    const needed = pair.table.nodesNeeded(lease.value?.length ?? 0);
    pair.commit();
    const before = pair.allocator.available;
    pair.grant(text, lease);
    assert.ok(before - pair.allocator.available <= needed, `${before - pair.allocator.available} of ${needed} nodes`);
    if (pair.map.size > 500) pair.remove(random.pick([...pair.map.keys()]));
    if (!random.chance(0.01)) continue;
    pair.commit();
    const doomed = [...pair.map.keys()].filter(() => random.chance(0.3));
    const available = pair.allocator.available;
    const room = doomed.length * pair.table.nodesNeeded(0);
    pair.removeAll(doomed);
    assert.ok(available - pair.allocator.available <= room, `${doomed.length} removals took more than ${room} nodes`);
  }
});

test('owners are counted, and their names given back with the last lease', () => {
  const pair = new Pair();
  const node = new Node(pair.slabs);
  const count = (owner: string) => {
    const ref = pair.table.names.find(Buffer.from(owner));
    return ref === 0 ? 0 : ownerEntries(node, pair.table.roots.owners, ref);
  };
  const lease = randomLease(new Random(1));
  for (let i = 0; i < 1000; i++) pair.grant(`t/${i}`, { ...lease, owner: i % 4 === 0 ? 'a' : 'b' });
  assert.equal([count('a'), count('b'), count('c')], [250, 750, 0]);
  for (let i = 0; i < 1000; i += 4) pair.grant(`t/${i}`, { ...lease, owner: 'c' });
  assert.equal([count('a'), count('b'), count('c')], [0, 750, 250]);
  assert.is(pair.table.roots.nameCount, 4);
  pair.grant('t/new', { ...lease, owner: 'a' });
  pair.expectSame();
});

test('references of owners are never given twice', () => {
  const pair = new Pair();
  const { names } = pair.table;
  const refs = Array.from({ length: 100 }, (_, i) => names.refOf(Buffer.from(`n${i}`)));
  assert.is(new Set(refs).size, 100);
  for (const [i, ref] of refs.entries()) {
    assert.is(names.find(Buffer.from(`n${i}`)), ref);
    assert.is(Buffer.from(names.nameOf(ref)).toString(), `n${i}`);
  }
});

test('a shift moves every deadline once, over as many slices as it takes', () => {
  const random = new Random(seed);
  const pair = new Pair();
  for (let i = 0; i < 5000; i++) pair.grant(`t/${i}`, { ...randomLease(random), value: undefined });
  const startMs = 1_700_000_300_000;
  let expired = 0;
  forEachExpired(pair.table, pair.slabs, startMs, (keys) => {
    const texts = Array.from({ length: keys.length }, (_, i) => Buffer.from(keys.at(i).toBytes()).toString());
    pair.removeAll(texts.map((text) => text.replace('\0', '/')));
    expired += keys.length;
  });
  assert.ok(expired > 1000, `${expired} had expired`);
  for (const { expiresAtMs } of pair.map.values()) assert.ok(expiresAtMs > startMs);
  shiftDeadlines(pair.table, pair.slabs, 'extend', 12_345);
  for (const [key, lease] of pair.map) pair.map.set(key, { ...lease, expiresAtMs: lease.expiresAtMs + 12_345 });
  pair.expectSame();
  shiftDeadlines(pair.table, pair.slabs, 'full-ttl', startMs);
  for (const [key, lease] of pair.map) pair.map.set(key, { ...lease, expiresAtMs: startMs + lease.ttlMs });
  pair.expectSame();
});

test.run();
