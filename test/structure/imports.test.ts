import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cyclesBetween, type Import, importsOf, readSources } from './import-graph.js';
import { RULES, undeclaredPackages, violations } from './rules.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const imports = importsOf(readSources(ROOT, ['src', 'workers', 'native-layout', 'test', 'bench']));
const manifest: Record<string, Record<string, string>> = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** Every path and package is a unit of its own. */
const file = (path: string) => (path.endsWith('.ts') ? path : undefined);
/** A folder of src, or a file beside them. */
const folder = (path: string) => /^src\/[^/]+/.exec(path)?.[0];
const render = (cycles: Import[][]) =>
  cycles.map((cycle) => cycle.map(({ from, to }) => `${from} -> ${to}`).join(', '));

function planted(sources: Record<string, string>): Import[] {
  return importsOf(new Map(Object.entries(sources)));
}

test('no import goes where it must not', () => {
  assert.ok(imports.length > 50, 'the sources were found');
  assert.equal(violations(imports, RULES), []);
});

test('what ships imports only declared dependencies', () => {
  const declared = [manifest.dependencies, manifest.peerDependencies].flatMap((names) => Object.keys(names ?? {}));
  assert.equal(undeclaredPackages(imports, declared), []);
});

test('no folders and no files import each other in a circle', () => {
  assert.equal(render(cyclesBetween(imports, folder)), []);
  assert.equal(render(cyclesBetween(imports, file)), []);
});

/** All that is loaded with a file, before a line of it runs. */
function loadedWith(path: string): Import[] {
  const loaded: Import[] = [];
  const files = new Set([path]);
  for (const each of files) {
    for (const edge of imports.filter(({ from, kind }) => from === each && kind === 'static')) {
      loaded.push(edge);
      if (edge.to.endsWith('.ts')) files.add(edge.to);
    }
  }
  return loaded;
}

test('the package loads on a runtime that lacks what it needs, to say so', () => {
  for (const entry of ['src/index.ts', 'src/cli/main.ts']) {
    const loaded = loadedWith(entry);
    assert.ok(loaded.length > 3, entry);
    const cannotLink = loaded.filter(({ from, to }) => from !== 'src/platform.ts' && /^(node:zlib|piscina)$/.test(to));
    assert.equal(cannotLink, [], entry);
  }
});

test('imports of every form are read, with their kind', () => {
  const source = `
import './a.js';
import type { B } from './b.js';
import {
  c,
  type D,
} from '../c.js';
export * from 'node:fs';
export { e } from 'e';
/** Not import('./comment.js'). */
const f = await import('f');
let g: import('./g.js').G;
`;
  assert.equal(
    planted({ 'src/x/y.ts': source }).map(({ to, kind }) => `${to} ${kind}`),
    [
      'src/x/a.ts static',
      'src/x/b.ts type',
      'src/c.ts static',
      'node:fs static',
      'e static',
      'f dynamic',
      'src/x/g.ts type',
    ],
  );
});

test('a planted import that breaks a rule is named with its file and the reason', () => {
  const BREAKING: [from: string, statement: string][] = [
    ['native-layout/fields.ts', `import { assert } from '../src/assert.js';`],
    ['src/tree/tree.ts', `import { clock } from '../clock.js';`],
    ['src/tree/tree.ts', `import { performance } from 'node:perf_hooks';`],
    ['src/memory/pins.ts', `import type { Tree } from '../tree/tree.js';`],
    ['src/wal/writer.ts', `import { Tree } from '../tree/tree.js';`],
    ['src/checkpoint/writer.ts', `import { threadId } from 'node:worker_threads';`],
    ['src/client/router.ts', `import { WalWriter } from '../wal/writer.js';`],
    ['src/shard/loop.ts', `import { readFile } from 'node:fs/promises';`],
    ['src/store.ts', `export { main } from './cli/main.js';`],
    ['src/cli/main.ts', `const bench = await import('../../bench/main.js');`],
    ['src/client/pool.ts', `import '../../workers/shard.js';`],
    ['src/engines/lsm/lsm.ts', `import { x } from '../rocksdb.js';`],
    ['src/engines/semantics/rules.ts', `import { x } from '../memory/memory.js';`],
    ['src/engines/lsm.ts', `import { ClassicLevel } from 'classic-level';`],
  ];
  for (const [from, statement] of BREAKING) {
    const [line, ...others] = violations(planted({ [from]: statement }), RULES);
    assert.match(line ?? '', new RegExp(`^${from} imports \\S+: .+`), statement);
    assert.is(others.length, 0, statement);
  }
});

test('planted imports that keep the rules pass', () => {
  const sources = {
    'src/tree/tree.ts': `import { Node } from './node.js';\nimport { Slabs } from '../memory/slabs.js';`,
    'src/io/node-file-system.ts': `import * as fs from 'node:fs';`,
    'src/engines/open.ts': `const engine = await import('./lsm/lsm.js');`,
    'src/engines/lsm/lsm.ts': `const { ClassicLevel } = await import('classic-level');`,
    'test/x.test.ts': `import { main } from '../src/cli/main.js';`,
  };
  assert.equal(violations(planted(sources), RULES), []);
});

test('planted circles are found, and a diamond is none', () => {
  const circle = planted({
    'src/a/one.ts': `import { x } from '../b/one.js';`,
    'src/b/one.ts': `import type { x } from '../c.js';`,
    'src/c.ts': `import { x } from './a/two.js';`,
  });
  assert.equal(render(cyclesBetween(circle, folder)), [
    'src/a/one.ts -> src/b/one.ts, src/b/one.ts -> src/c.ts, src/c.ts -> src/a/two.ts',
  ]);
  assert.equal(cyclesBetween(circle, file), []);
  const pair = planted({ 'src/a/x.ts': `import './y.js';`, 'src/a/y.ts': `import './x.js';` });
  assert.is(cyclesBetween(pair, file).length, 1);
  assert.is(cyclesBetween(pair, folder).length, 0);
  const diamond = planted({
    'src/a.ts': `import './b.js';\nimport './c.js';`,
    'src/b.ts': `import './d.js';`,
    'src/c.ts': `import './d.js';`,
  });
  assert.equal(cyclesBetween(diamond, file), []);
});

test('a planted package that nobody declared is found', () => {
  const sources = { 'src/a.ts': `import x from 'left-pad';\nimport y from 'comlink/dist/x.mjs';` };
  assert.equal(undeclaredPackages(planted(sources), ['comlink']), [
    'src/a.ts imports left-pad: no dependency of the package names it',
  ]);
});

test.run();
