import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Mutant, plant, testPath } from './mutant.js';
import { MUTANTS } from './mutants.js';

/*
 * `npm run mutants` plants each bug and runs the tests that must find it. Here is only what a change of the sources
 * can break without anybody noticing: whether every bug can still be planted.
 */

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

function sourceOf({ file }: Mutant): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

test('every bug can be planted, and changes something', () => {
  const troubles = MUTANTS.flatMap((mutant) => {
    try {
      const source = sourceOf(mutant);
      return plant(mutant, source) === source ? [`"${mutant.name}" changes nothing`] : [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  assert.equal(troubles, []);
});

test('a text that is gone, or there twice, is an error that names it', () => {
  const [mutant] = MUTANTS;
  const source = sourceOf(mutant);
  assert.throws(() => plant(mutant, ''), /has no longer/);
  assert.throws(() => plant(mutant, source + source), /has more than once/);
});

test('every bug has a name of its own, and tests that are there', () => {
  assert.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  for (const { name, killedBy } of MUTANTS) {
    assert.ok(killedBy.length > 0, name);
    for (const file of killedBy) assert.ok(existsSync(join(ROOT, testPath(file))), `${name}: ${testPath(file)}`);
  }
});

test.run();
