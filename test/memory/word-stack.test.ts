import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WordStack } from '../../src/memory/word-stack.js';
import { seed } from '../support/env.js';
import { Random } from '../support/tree-random.js';

test('behaves like an array, also past its first size', () => {
  const random = new Random(seed);
  const stack = new WordStack();
  const model: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    if (random.chance(0.001)) {
      stack.clear();
      model.length = 0;
    } else if (model.length > 0 && random.chance(0.4)) {
      assert.is(stack.pop(), model.pop());
    } else {
      const word = random.u32();
      stack.push(word);
      model.push(word);
    }
    assert.is(stack.size, model.length);
    if (model.length === 0) continue;
    const at = random.below(model.length);
    assert.is(stack.at(at), model[at]);
  }
});

test('keeps all it was given', () => {
  const stack = new WordStack();
  for (let i = 0; i < 100_000; i++) stack.push(i);
  for (let i = 99_999; i >= 0; i--) if (stack.pop() !== i) assert.unreachable(`word ${i}`);
  assert.is(stack.size, 0);
});

test.run();
