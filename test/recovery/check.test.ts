import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OWNER_REF, VALUE_SIZE } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import { CheckpointWriter } from '../../src/checkpoint/writer.js';
import type { FileSystem } from '../../src/io/file-system.js';
import { Key, KeyEncoder } from '../../src/key.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Slabs } from '../../src/memory/slabs.js';
import { checkCommit } from '../../src/recovery/check.js';
import { NodeSet } from '../../src/memory/node-set.js';
import { TreeSaver } from '../../src/recovery/images.js';
import { startLog } from '../../src/recovery/new-shard.js';
import { LeaseTable } from '../../src/table/lease-table.js';
import { TreeDamage } from '../../src/tree/check.js';
import { LEASES } from '../../src/tree/kinds.js';
import { nameKey, putName, refKey } from '../../src/tree/names.js';
import { Node } from '../../src/tree/node.js';
import type { LogOwner } from '../../src/wal/segment.js';
import { scaled, seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { HandClock, makeShardDirectory, SHARD_DIRECTORY, ShardDriver, STORE_ID } from '../support/shard-driver.js';
import { uuid } from '../support/tree-keys.js';
import { Random } from '../support/tree-random.js';

const EMPTY = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };
const NODE_BYTES = 2048;

const encoder = new KeyEncoder();
const keyOf = (id: string, type = 'chat') => encoder.encode(new Key(), { type, id });
const ownerKey = (ref: number, id: string) => new Key().setNumberPrefixed(ref, keyOf(id));

interface Sample {
  readonly slabs: Slabs;
  readonly table: LeaseTable;
}

/** So many leases of each of three owners: their ids, and how each is made. */
function sample(ids: readonly string[]): Sample {
  const slabs = Slabs.reserve(NODE_BYTES, 1 << 22);
  const table = new LeaseTable(slabs, new NodeAllocator(slabs, 0), EMPTY);
  for (const [i, id] of ids.entries()) {
    const key = keyOf(id);
    table.grant(key, table.find(key), Buffer.from(`n${i % 3}`), i + 1, 5000, 1000, 0, undefined);
  }
  return { slabs, table };
}

function refOf({ table }: Sample, owner: string): number {
  return table.names.find(Buffer.from(owner));
}

function check({ slabs, table }: Sample): void {
  checkCommit(slabs, table.roots, new NodeSet().add);
}

const NO_PAYLOAD = new Uint32Array(0);

function move(trees: Sample, from: Key, to: Key): void {
  const { owners } = trees.table;
  assert.ok(owners.find(from));
  owners.remove();
  assert.not(owners.find(to));
  owners.insert(to, NO_PAYLOAD, 0);
}

const random = new Random(1);
const uuids = Array.from({ length: 200 }, () => uuid(random));
const texts = Array.from({ length: 200 }, (_, i) => `room-${i}`);
const IDS: Record<string, readonly string[]> = {
  'one lease': texts.slice(0, 1),
  'short ids': texts,
  UUIDs: uuids,
  // Leaves of one tree pack their UUIDs where those of the other, cut elsewhere, cannot.
  'UUIDs and short ids': uuids.flatMap((id, i) => [id, texts[i]]),
  'UUIDs behind and before text': uuids.flatMap((id) => [`x-${id}`, `${id}-x`, id]),
  'long ids': texts.map((text) => text.repeat(30).slice(0, 200)),
  'ids about as long as a UUID': texts.flatMap((text) => [30, 34, 35, 36, 37, 40].map((n) => text.padEnd(n, 'f'))),
};

for (const [name, ids] of Object.entries(IDS)) {
  test(`trees of ${name} agree, however each of them lays them out`, () => {
    const trees = sample(ids);
    check(trees);
    for (const id of ids.slice(ids.length / 2)) {
      assert.ok(trees.table.find(keyOf(id)));
      trees.table.remove(keyOf(id));
    }
    check(trees);
  });
}

const DAMAGES: Record<string, { readonly harm: (trees: Sample) => void; readonly found: RegExp }> = {
  'an entry of another lease in the place of one': {
    harm: (trees) => move(trees, ownerKey(refOf(trees, 'n0'), 'room-0'), ownerKey(refOf(trees, 'n0'), 'room-x')),
    found: /owners tree.*not those of the leases/,
  },
  'an entry among those of another owner': {
    harm: (trees) => move(trees, ownerKey(refOf(trees, 'n0'), 'room-0'), ownerKey(refOf(trees, 'n1'), 'room-0')),
    found: /not those of the leases/,
  },
  'the entries of two leases exchanged between their owners': {
    harm: (trees) => {
      const [a, b] = [refOf(trees, 'n0'), refOf(trees, 'n1')];
      move(trees, ownerKey(a, 'room-0'), ownerKey(b, 'room-0'));
      move(trees, ownerKey(b, 'room-1'), ownerKey(a, 'room-1'));
    },
    found: /not those of the leases/,
  },
  'a lease that says another owner': {
    harm: (trees) => {
      const { leases } = trees.table;
      assert.ok(leases.find(keyOf('room-0')));
      leases.payload[leases.payloadAt + OWNER_REF] = refOf(trees, 'n2');
    },
    found: /not those of the leases/,
  },
  'a name that leads to the reference of another': {
    harm: (trees) => {
      const { tree } = trees.table.names;
      assert.ok(tree.find(nameKey(new Key(), Buffer.from('n0'))));
      tree.payload[tree.payloadAt] = refOf(trees, 'n1');
    },
    found: /not the named ones/,
  },
  'a name for nobody, and an owner without one': {
    harm: (trees) => {
      const { tree } = trees.table.names;
      const [ref, other] = [refOf(trees, 'n0'), 999];
      const payload = new Uint32Array(10);
      assert.ok(tree.find(nameKey(new Key(), Buffer.from('n0'))));
      tree.payload[tree.payloadAt] = other;
      assert.ok(tree.find(refKey(new Key(), ref)));
      tree.remove();
      assert.not(tree.find(refKey(new Key(), other)));
      tree.insert(refKey(new Key(), other), payload, putName(payload, Buffer.from('n0')));
    },
    found: /not the named ones/,
  },
};

for (const [name, { harm, found }] of Object.entries(DAMAGES)) {
  test(`${name}: is found, though all counts are right`, () => {
    const trees = sample(texts.slice(0, 60));
    const before = trees.table.roots;
    harm(trees);
    const { leaseCount, ownerCount, nameCount } = trees.table.roots;
    assert.equal([leaseCount, ownerCount, nameCount], [before.leaseCount, before.ownerCount, before.nameCount]);
    assert.throws(() => check(trees), found);
  });
}

/** Leases with values, short and long, and the first node of a long one's. */
function sampleWithValues(): Sample & { readonly chain: Node } {
  const trees = sample(texts.slice(0, 60));
  const { slabs, table } = trees;
  for (let i = 0; i < 40; i++) {
    const key = keyOf(`valued-${i}`);
    const value = new Uint8Array(i % 2 === 0 ? 20 + i : 3000 + 100 * i).fill(i);
    table.grant(key, table.find(key), Buffer.from(`n${i % 3}`), 100 + i, 5000, 1000, 0, value);
  }
  assert.ok(table.find(keyOf('valued-1')));
  const { payload, payloadAt, payloadWords } = table.leases;
  const chain = new Node(slabs).open(LEASES.valueNode(payload, payloadAt, payloadWords));
  return { slabs, table, chain };
}

const VALUE_DAMAGES: Record<
  string,
  { readonly harm: (trees: ReturnType<typeof sampleWithValues>) => void; readonly found: RegExp }
> = {
  'a value that goes on out of memory': {
    harm: ({ chain }) => {
      chain.words[chain.at + layout.VALUE_NEXT] = 16_776_200;
    },
    found: /node 16776200: no such value node/,
  },
  'a value that goes on in a circle': {
    harm: ({ chain }) => {
      chain.words[chain.at + layout.VALUE_NEXT] = chain.id;
    },
    found: /value node reached twice/,
  },
  'a value cut short': {
    harm: ({ chain }) => {
      chain.words[chain.at + layout.VALUE_NEXT] = layout.NIL;
    },
    found: /a value that ends \d+ bytes early/,
  },
  'a value with fewer bytes than it had': {
    harm: ({ chain }) => {
      chain.words[chain.at + layout.VALUE_BYTES] = 10;
    },
    found: /10 bytes of a value where \d+ are due/,
  },
  'a value with more bytes than a node has': {
    harm: ({ chain }) => {
      chain.words[chain.at + layout.VALUE_BYTES] = 0xffffffff;
    },
    found: /4294967295 bytes of a value where/,
  },
  'a lease that says more of its value than there is': {
    harm: ({ table }) => {
      assert.ok(table.find(keyOf('valued-0')));
      table.leases.payload[table.leases.payloadAt + VALUE_SIZE] = 21 + 4;
    },
    found: /leases tree.*does not take \d+ words/,
  },
  'a name that says to be longer than it is': {
    harm: ({ table }) => {
      const { tree } = table.names;
      assert.ok(tree.find(refKey(new Key(), table.names.find(Buffer.from('n0')))));
      tree.payload[tree.payloadAt] = 0x7fffffff;
    },
    found: /names tree.*does not take \d+ words/,
  },
};

for (const [name, { harm, found }] of Object.entries(VALUE_DAMAGES)) {
  test(`${name}: is found`, () => {
    const trees = sampleWithValues();
    check(trees);
    harm(trees);
    assert.throws(
      () => check(trees),
      (error: Error) => error instanceof TreeDamage && found.test(error.message),
    );
  });
}

test('whatever a word in a node is changed to, the check ends with a verdict', () => {
  const trees = sampleWithValues();
  const { slabs } = trees;
  const nodes: number[] = [];
  checkCommit(slabs, trees.table.roots, (id) => nodes.push(id) > 0);
  const random = new Random(seed);
  const changes = [() => 0, () => 1, () => 0xffffffff, () => random.below(slabs.capacity), () => random.below(2 ** 32)];
  const trials = scaled(3000, 300_000);
  let found = 0;
  for (let i = 0; i < trials; i++) {
    const node = new Node(slabs).open(nodes[random.below(nodes.length)]);
    const at = node.at + random.below(random.below(2) === 0 ? 16 : slabs.nodeWords);
    const before = node.words[at];
    node.words[at] = changes[random.below(changes.length)]();
    try {
      check(trees);
    } catch (error) {
      assert.instance(error, TreeDamage);
      found++;
    }
    node.words[at] = before;
  }
  assert.ok(found > trials / 20, `${found} of ${trials} found`);
  check(trees);
});

/** A checkpoint of which every checksum is right, such as none that is checked before it is written. */
function writeUnchecked(files: FileSystem, owner: LogOwner, { slabs, table }: Sample): void {
  const meta = { ...owner, nodeBytes: NODE_BYTES, cutLsn: 60, commit: 1, storeMs: 1000, tokenCeiling: 60 };
  const writer = CheckpointWriter.create(files, SHARD_DIRECTORY, meta);
  const saver = new TreeSaver(slabs, (head, tail) => writer.append(head, tail));
  const { leases, owners, names } = table;
  const trees = [leases, owners, names.tree];
  writer.finish(trees.map(({ kind, root, count }) => ({ root: saver.save(kind, root), entries: count })));
  writer.publish();
}

test('a checkpoint whose trees contradict each other is refused, and nothing is changed', () => {
  const trees = sample(texts.slice(0, 60));
  DAMAGES['a lease that says another owner'].harm(trees);
  const files = new FaultFileSystem();
  makeShardDirectory(files);
  const owner = { shard: 0, storeId: STORE_ID };
  writeUnchecked(files, owner, trees);
  startLog(files, SHARD_DIRECTORY, owner, 60, 1000);
  const before = files.digest();
  assert.throws(
    () => new ShardDriver({ files, clock: new HandClock(), nodeBytes: NODE_BYTES, memoryBytes: 1 << 22 }).recover(),
    (error: { code?: string; message: string }) =>
      error.code === 'ERR_HOLDFAST_CORRUPT' && /does not hold together/.test(error.message),
  );
  assert.is(files.digest(), before);
});

test.run();
