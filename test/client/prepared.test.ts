import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OP_RENEW } from '../../native-layout/mailbox.js';
import { Prepared } from '../../src/client/prepared.js';
import { Outgoing } from '../../src/client/request-writer.js';
import { Key, KeyEncoder } from '../../src/key.js';
import type { ActorKey } from '../../src/lease.js';

function prepare(keys: readonly ActorKey[]): Prepared {
  const encoder = new KeyEncoder();
  const key = new Key();
  const out = new Outgoing();
  const prepared = new Prepared();
  for (const actor of keys) prepared.add(out.set(OP_RENEW, encoder.encode(key, actor)), key, 0);
  return prepared;
}

const types = fc.constantFrom('a', 'b', 'session', 'actor-type-1', 'actor-type-17');
const texts = fc.string({ minLength: 1, maxLength: 5 }).filter((id) => id.isWellFormed() && !id.includes('\0'));
const someKeys = fc.array(fc.record({ type: types, id: fc.oneof(fc.uuid(), texts) }), { maxLength: 60 });

test('of each run every request is sent once, and those of one key in the order that they came in', () => {
  fc.assert(
    fc.property(someKeys, fc.integer({ min: 1, max: 70 }), (keys, run) => {
      // Each key more than once.
      const asked = [...keys, ...keys, ...keys];
      const order = prepare(asked).order(run);
      for (let from = 0; from < asked.length; from += run) {
        const sent = [...order.subarray(from, from + run)];
        assert.equal(
          sent.toSorted((a, b) => a - b),
          sent.map((_, i) => from + i),
        );
        for (const [i, index] of sent.entries()) {
          const { type, id } = asked[index];
          const before = sent.slice(0, i).filter((other) => asked[other].type === type && asked[other].id === id);
          assert.ok(before.every((other) => other < index));
        }
      }
    }),
  );
});

test('neighbours in the tree are sent one after the other', () => {
  const keys = Array.from({ length: 3000 }, (_, i) => ({
    type: `actor-type-${i % 3}`,
    id: `${((i * 40_503) % 65_536).toString(16).padStart(4, '0')}0000-0000-4000-8000-000000000000`,
  }));
  const sent = [...prepare(keys).order(keys.length)].map((i) => keys[i]);
  let turns = 0;
  for (const [i, { type, id }] of sent.entries()) {
    if (i === 0) continue;
    if (type !== sent[i - 1].type) turns++;
    else assert.ok(id > sent[i - 1].id);
  }
  assert.is(turns, 2);
});

test('runs of one are sent as they came', () => {
  const keys = ['c', 'a', 'b'].map((id) => ({ type: 't', id }));
  assert.equal([...prepare(keys).order(1)], [0, 1, 2]);
});

test.run();
