import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Slabs } from '../../src/memory/slabs.js';
import { scaled, seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';

interface Life {
  readonly birth: number;
  /** The commit from which on the node is no longer referred to. */
  retired: number;
}

/**
 * The allocator beside its definition: a node is free if it was never born, or if it is retired and no pin lies in
 * [birth, retired). Pins come and go as readers make them: only ever on the published commit.
 */
class AllocatorModel {
  readonly allocator: NodeAllocator;
  readonly #lives = new Map<number, Life>();
  readonly #pins: number[] = [];
  readonly #random: Random;
  #born: number[] = [];
  #retiring: number[] = [];
  #highest = 0;
  #published: number;

  constructor(random: Random, published = 0) {
    this.#random = random;
    this.#published = published;
    this.allocator = new NodeAllocator(Slabs.reserve(2048, 8 << 20), published);
  }

  change(): void {
    const random = this.#random;
    const living = [...this.#lives].filter(([id, life]) => life.retired === Infinity && !this.#retiring.includes(id));
    for (let i = random.below(20); i > 0; i--) this.#allocate();
    for (const [id] of living) if (random.chance(0.2)) this.#retire(id);
    for (const id of [...this.#born]) if (random.chance(0.2)) this.#retire(id);
    for (let i = random.below(5); i > 0; i--) this.#allocate();
  }

  publish(): void {
    const commit = this.allocator.commit;
    this.allocator.published();
    for (const id of this.#born) this.#lives.set(id, { birth: commit, retired: Infinity });
    for (const id of this.#retiring) (this.#lives.get(id) as Life).retired = commit;
    this.#born = [];
    this.#retiring = [];
    this.#published = commit;
    assert.is(this.allocator.commit, commit + 1);
  }

  rollback(): void {
    const commit = this.allocator.commit;
    this.allocator.rollback();
    this.#born = [];
    this.#retiring = [];
    assert.is(this.allocator.commit, commit);
  }

  movePins(): void {
    const random = this.#random;
    while (random.chance(0.4)) this.#pins.push(this.#published);
    while (this.#pins.length > 0 && random.chance(0.35)) this.#pins.splice(random.below(this.#pins.length), 1);
  }

  reclaim(): void {
    this.allocator.reclaim([...new Set(this.#pins)].sort((a, b) => a - b));
    for (const [id, { birth, retired }] of this.#lives) {
      if (!this.#pins.some((pin) => birth <= pin && pin < retired) && retired !== Infinity) this.#lives.delete(id);
    }
  }

  /** What the allocator would hand out is what the definition calls free, each node once. */
  verify(): void {
    const { allocator } = this;
    const handedOut: number[] = [];
    while (allocator.free > 0) handedOut.push(allocator.allocate());
    allocator.rollback();
    const expected = [];
    for (let id = 1; id <= this.#highest; id++) if (!this.#lives.has(id)) expected.push(id);
    assert.equal(
      handedOut.sort((a, b) => a - b),
      expected,
    );
    assert.is(allocator.allocated, this.#lives.size);
    assert.is(allocator.retired, [...this.#lives.values()].filter(({ retired }) => retired !== Infinity).length);
  }

  #allocate(): void {
    const id = this.allocator.allocate();
    assert.not(this.#lives.has(id), `node ${id} was handed out while in use`);
    assert.not(this.#born.includes(id), `node ${id} was handed out twice`);
    this.#born.push(id);
    this.#highest = Math.max(this.#highest, id);
    assert.is(this.allocator.born, this.#born.length);
  }

  #retire(id: number): void {
    this.allocator.retire(id);
    const at = this.#born.indexOf(id);
    if (at >= 0) this.#born.splice(at, 1);
    else this.#retiring.push(id);
  }
}

test('a node is free exactly while no pin can reach it', () => {
  for (let run = 0; run < scaled(20, 500); run++) {
    const random = new Random(seed + run);
    const model = new AllocatorModel(random);
    for (let i = 0; i < 150; i++) {
      model.change();
      if (random.chance(0.2)) {
        model.rollback();
        continue;
      }
      model.publish();
      model.movePins();
      // The writer need not reclaim after every commit.
      if (random.chance(0.3)) continue;
      model.reclaim();
      model.verify();
    }
  }
});

for (const passed of [2 ** 31, 2 ** 32, 2 ** 52]) {
  test(`so it is while commit numbers pass ${passed}`, () => {
    const model = new AllocatorModel(new Random(seed), passed - 50);
    for (let i = 0; i < 100; i++) {
      model.change();
      model.publish();
      model.movePins();
      model.reclaim();
      model.verify();
    }
    assert.ok(model.allocator.commit > passed);
  });
}

test('an old snapshot keeps its own nodes and nothing that came and went after it', () => {
  const allocator = new NodeAllocator(Slabs.reserve(2048, 1 << 20), 0);
  const first = allocator.allocate();
  allocator.published();
  let last = first;
  for (let i = 0; i < 50; i++) {
    allocator.retire(last);
    last = allocator.allocate();
    allocator.published();
    allocator.reclaim([1]);
  }
  assert.is(allocator.retired, 1, 'only the node of the snapshot waits');
  assert.is(allocator.allocated, 2);
  allocator.reclaim([]);
  assert.is(allocator.allocated, 1);
});

test('adopts what a dead writer left', () => {
  const slabs = Slabs.reserve(2048, 1 << 20);
  const dead = new NodeAllocator(slabs, 6);
  const ids = Array.from({ length: 10 }, () => dead.allocate());
  const live = new Set(ids.slice(0, 4));
  const allocator = new NodeAllocator(slabs, 7);
  allocator.adopt((id) => live.has(id), 10);
  assert.is(allocator.commit, 8);
  assert.is(allocator.allocated, 4);
  assert.is(allocator.free, 6);
  const next = Array.from({ length: 7 }, () => allocator.allocate());
  assert.equal(
    next.sort((a, b) => a - b),
    [5, 6, 7, 8, 9, 10, 11],
  );
  assert.throws(() => allocator.adopt(() => true, 3), /in use/);
});

test('what nobody has read is edited in place until it is published, and its nodes are free at once', () => {
  const slabs = Slabs.reserve(2048, 1 << 20);
  const loaded = new NodeAllocator(slabs, -1);
  for (let i = 0; i < 4; i++) loaded.allocate();
  const allocator = new NodeAllocator(slabs, 0);
  allocator.adoptUnread(4);
  assert.is(allocator.allocated, 4);
  assert.ok([1, 2, 3, 4].every((id) => allocator.owns(id)));
  allocator.retire(2);
  assert.is(allocator.free, 1);
  assert.is(allocator.allocate(), 2);
  allocator.published();
  assert.not(allocator.owns(1), 'readers may have come');
  assert.not(allocator.owns(2), 'born in the commit that was published');
  assert.ok(allocator.owns(allocator.allocate()));
  allocator.retire(3);
  assert.is(allocator.free, 0, 'a reader of the first publication may need it');
  allocator.published();
  allocator.reclaim([1]);
  assert.is(allocator.retired, 1);
  assert.throws(() => allocator.adoptUnread(3), /in use/);
});

test('running out is a bug of the caller, who was to ask first', () => {
  const allocator = new NodeAllocator(Slabs.reserve(2048, 1 << 15), 0);
  const count = allocator.available;
  assert.is(count, 15);
  for (let i = 0; i < count; i++) allocator.allocate();
  assert.is(allocator.available, 0);
  assert.throws(() => allocator.allocate(), /no node left/);
  assert.throws(() => allocator.retire(0), /no node/);
});

test.run();
