import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEASE_WORDS, setU53, TICK_MS } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/node.js';
import { Key } from '../../src/key.js';
import { checkTree, TreeDamage } from '../../src/tree/check.js';
import { LEASES, OWNERS } from '../../src/tree/kinds.js';
import { Node } from '../../src/tree/node.js';
import { seed } from '../support/env.js';
import { TreeFixture } from '../support/tree-fixture.js';
import { uuid } from '../support/tree-keys.js';
import { Random } from '../support/tree-random.js';

interface Sample {
  readonly fixture: TreeFixture;
  readonly root: Node;
  /** The leaf below the root's second slot. */
  readonly leaf: Node;
}

/** A tree of one branch over some leaves. */
function sample(): Sample {
  const random = new Random(seed);
  const fixture = new TreeFixture(LEASES, 4096, 4 << 20);
  const { tree, slabs } = fixture;
  const key = new Key();
  const payload = new Uint32Array(LEASE_WORDS);
  for (let i = 0; i < 400; i++) {
    setU53(payload, 0, (1000 + i) * TICK_MS);
    tree.find(key.setBytes(Buffer.from(`actor\0${i % 3 === 0 ? `x${uuid(random)}x` : uuid(random)}`)));
    tree.insert(key, payload, LEASE_WORDS);
  }
  fixture.commit();
  const root = new Node(slabs).open(tree.root);
  return { fixture, root, leaf: new Node(slabs).open(root.child(1)) };
}

function check({ fixture }: Sample): void {
  const reached = new Set<number>();
  checkTree(fixture.slabs, LEASES, fixture.tree.root, (id) => !reached.has(id) && reached.add(id) !== undefined);
}

function slotAt(node: Node, slot: number): number {
  return node.at + layout.SLOTS + slot * layout.SLOT_WORDS;
}

const DAMAGES: Record<string, { harm: (sample: Sample) => void; found: RegExp }> = {
  'two keys swapped': {
    harm: ({ leaf }) => {
      const [a, b] = [slotAt(leaf, 3), slotAt(leaf, 4)];
      for (let i = 0; i < layout.SLOT_WORDS; i++)
        [leaf.words[a + i], leaf.words[b + i]] = [leaf.words[b + i], leaf.words[a + i]];
    },
    found: /out of order/,
  },
  'a key moved past its bounds': {
    harm: ({ leaf }) => {
      leaf.words[slotAt(leaf, leaf.count - 1)] = 0xffffffff;
    },
    found: /reaches past its bound/,
  },
  'a first key before its separator': {
    harm: ({ leaf }) => {
      leaf.words[slotAt(leaf, 0)] = 0;
    },
    found: /before its separator/,
  },
  'a separator before the keys on its left': {
    harm: ({ root }) => {
      root.words[slotAt(root, 1)] = 0;
    },
    found: /reaches past its bound/,
  },
  'a wrong count': {
    harm: ({ root }) => {
      root.words[root.payloadAt(2) + layout.BELOW]++;
    },
    found: /counts \d+ below, found \d+/,
  },
  'a bound later than a deadline': {
    harm: ({ root }) => {
      root.words[root.payloadAt(0) + layout.EARLIEST] = 5000;
    },
    found: /later than a deadline below/,
  },
  'a child met twice': {
    harm: ({ root }) => {
      root.words[root.payloadAt(1) + layout.CHILD] = root.child(0);
    },
    found: /reached twice/,
  },
  'a child out of memory': {
    harm: ({ root }) => {
      root.words[root.payloadAt(1) + layout.CHILD] = 0x7fffffff;
    },
    found: /no such node/,
  },
  'a node of another tree': {
    harm: ({ leaf }) => {
      leaf.bytes[leaf.at * 4 + layout.TREE] = OWNERS.id;
    },
    found: /belongs to tree 2/,
  },
  'a node under another name': {
    harm: ({ leaf }) => {
      leaf.words[leaf.at + layout.SELF] = 99_999;
    },
    found: /names itself 99999/,
  },
  'a wrong level': {
    harm: ({ leaf }) => {
      leaf.bytes[leaf.at * 4 + layout.LEVEL] = 1;
    },
    found: /level 1, not 0/,
  },
  'a wrong kind': {
    harm: ({ leaf }) => {
      leaf.bytes[leaf.at * 4 + layout.KIND] = layout.VALUE;
    },
    found: /kind 3 at level 0/,
  },
  'an empty leaf': {
    harm: ({ leaf }) => {
      leaf.words[leaf.at + layout.COUNT] = 0;
    },
    found: /empty/,
  },
  'more slots than fit': {
    harm: ({ leaf }) => {
      leaf.words[leaf.at + layout.COUNT] = 1e6;
    },
    found: /slots and cells overlap/,
  },
  'a cell out of bounds': {
    harm: ({ leaf }) => {
      leaf.words[slotAt(leaf, 0) + layout.SLOT_LOC] = layout.slotLoc(1, 16, LEASE_WORDS);
    },
    found: /cell of slot 0 out of bounds/,
  },
  'bytes unaccounted for': {
    harm: ({ leaf }) => {
      leaf.words[leaf.at + layout.DEAD_BYTES] += 4;
    },
    found: /dead bytes/,
  },
  'a prefix longer than the node': {
    harm: ({ leaf }) => {
      leaf.words[leaf.at + layout.PREFIX_BYTES] = 5000;
    },
    found: /prefix out of bounds/,
  },
};

test('a sound tree passes, and says what it is made of', () => {
  const { fixture } = sample();
  const report = checkTree(fixture.slabs, LEASES, fixture.tree.root, () => true);
  assert.is(report.entries, 400);
  assert.is(report.levels, 2);
  assert.is(report.leaves + report.branches, fixture.allocator.allocated);
});

for (const [name, { harm, found }] of Object.entries(DAMAGES)) {
  test(`finds ${name}`, () => {
    const damaged = sample();
    check(damaged);
    harm(damaged);
    assert.throws(
      () => check(damaged),
      (error: Error) => error instanceof TreeDamage && found.test(error.message),
    );
  });
}

test.run();
