import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Key, KeyEncoder } from '../src/key.js';
import { KeyOrder, placeOf } from '../src/key-order.js';
import type { ActorKey } from '../src/lease.js';

function orderOf(keys: readonly ActorKey[], run: number): number[] {
  const encoder = new KeyEncoder();
  const key = new Key();
  const order = new KeyOrder();
  // What was cleared is forgotten.
  for (let i = 0; i < 3; i++) order.add(i);
  order.clear();
  for (const actor of keys) order.add(placeOf(encoder.encode(key, actor)));
  assert.is(order.length, keys.length);
  return [...order.order(run)];
}

const types = fc.constantFrom('a', 'b', 'session', 'actor-type-1', 'actor-type-17');
const texts = fc.string({ minLength: 1, maxLength: 5 }).filter((id) => id.isWellFormed() && !id.includes('\0'));
const someKeys = fc.array(fc.record({ type: types, id: fc.oneof(fc.uuid(), texts) }), { maxLength: 200 });

test('of each run every key is there once, and those that are the same in the order that they came in', () => {
  fc.assert(
    fc.property(someKeys, fc.integer({ min: 1, max: 700 }), (keys, run) => {
      // Each key more than once.
      const asked = [...keys, ...keys, ...keys];
      const order = orderOf(asked, run);
      for (let from = 0; from < asked.length; from += run) {
        const sent = order.slice(from, from + run);
        assert.equal(
          sent.toSorted((a, b) => a - b),
          sent.map((_, i) => from + i),
        );
        const last = new Map<string, number>();
        for (const index of sent) {
          const text = JSON.stringify(asked[index]);
          assert.ok(index > (last.get(text) ?? -1));
          last.set(text, index);
        }
      }
    }),
  );
});

test('neighbours in the tree come one after the other', () => {
  const keys = Array.from({ length: 3000 }, (_, i) => ({
    type: `actor-type-${i % 3}`,
    id: `${((i * 40_503) % 65_536).toString(16).padStart(4, '0')}0000-0000-4000-8000-000000000000`,
  }));
  const sent = orderOf(keys, keys.length).map((i) => keys[i]);
  let turns = 0;
  for (const [i, { type, id }] of sent.entries()) {
    if (i === 0) continue;
    if (type !== sent[i - 1].type) turns++;
    else assert.ok(id > sent[i - 1].id);
  }
  assert.is(turns, 2);
});

test('few keys stay as they came', () => {
  const keys = ['c', 'a', 'b'].map((id) => ({ type: 't', id }));
  assert.equal(orderOf(keys, 3), [0, 1, 2]);
  assert.equal(orderOf([], 1), []);
});

test.run();
