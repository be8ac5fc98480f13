import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeSet } from '../../src/memory/node-set.js';

test('holds the ids that were added and not taken away, and no other', () => {
  const set = new NodeSet();
  const model = new Set<number>();
  // Neighbours in a word, words apart, and far past the memory it begins with.
  const ids = [0, 1, 31, 32, 33, 1023, 32_767, 32_768, 1_000_003, 2 ** 31 - 1, 2 ** 31];
  for (const [i, id] of ids.entries()) {
    if (i % 3 === 2) continue;
    assert.ok(set.add(id), `${id} is new`);
    assert.not(set.add(id), `${id} is there`);
    model.add(id);
  }
  for (const id of ids.slice(0, 4)) {
    set.delete(id);
    model.delete(id);
  }
  for (const id of ids) assert.is(set.has(id), model.has(id), `${id}`);
});

test('has no id that it was never large enough for', () => {
  const set = new NodeSet();
  set.delete(2 ** 32 - 1);
  assert.not(set.has(2 ** 32 - 1));
});

test.run();
