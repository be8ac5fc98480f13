import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { diagram, fields, type Layout, word } from '../../native-layout/fields.js';

const COMPILED = new URL('../../native-layout/', import.meta.url);
/** From dist/test/native-layout up to the top of the project. */
const ARCHITECTURE = new URL('../../../ARCHITECTURE.md', import.meta.url);

/** Every exported layout under the title of its diagram: `NODE_HEADER_LAYOUT` is `node header`. */
async function loadLayouts(): Promise<Map<string, Layout>> {
  const layouts = new Map<string, Layout>();
  for (const file of readdirSync(COMPILED).filter((name) => name.endsWith('.js'))) {
    const module: Record<string, unknown> = await import(new URL(file, COMPILED).href);
    for (const [name, value] of Object.entries(module)) {
      const title = /^(.+)_LAYOUT$/.exec(name)?.[1];
      if (title !== undefined) layouts.set(title.toLowerCase().replaceAll('_', ' '), value as Layout);
    }
  }
  return layouts;
}

test('offsets follow one another', () => {
  const f = fields();
  const offsets = [
    f.u8('a'),
    f.u8('b'),
    f.u16('c'),
    f.u32('d'),
    f.u53('e'),
    f.cell64('f'),
    f.raw('g', 4),
    f.words('h', 3),
  ];
  assert.equal(offsets, [0, 1, 2, 4, 8, 16, 24, 28]);
  assert.is(f.end(8), 40);
});

test('a field out of alignment is refused, and so is such an end', () => {
  const one = (): ReturnType<typeof fields> => {
    const f = fields();
    f.u8('one byte');
    return f;
  };
  assert.throws(() => one().u16('x'), /not aligned to 2/);
  assert.throws(() => one().u32('x'), /not aligned to 4/);
  assert.throws(() => one().u53('x'), /not aligned to 4/);
  assert.throws(() => one().cell64('x'), /not aligned to 8/);
  assert.throws(() => one().words('x', 1), /not aligned to 4/);
  assert.throws(() => one().end(4), /not a multiple of 4/);
  assert.is(one().raw('x', 3), 1);
  assert.is(one().align(64).u32('x'), 64);
  assert.throws(() => word(6), /not word-aligned/);
});

test('a diagram shows offset, size and name, gaps included', () => {
  const f = fields();
  f.u32('first');
  f.align(8);
  f.cell64('second');
  const lines = [
    'sample (16 bytes)',
    'offset  bytes  field',
    '     0      4  first',
    '     4      4  (padding)',
    '     8      8  second',
  ];
  assert.is(diagram('sample', f.layout()), lines.join('\n'));
});

test('the fields of every layout fill it without gap or overlap', async () => {
  const layouts = await loadLayouts();
  assert.ok(layouts.size > 10, `found ${[...layouts.keys()].join(', ')}`);
  for (const [title, layout] of layouts) {
    let end = 0;
    for (const field of layout.fields) {
      assert.is(field.offset, end, `${title}: ${field.name}`);
      end += field.bytes;
    }
    assert.is(layout.bytes, end, title);
    assert.is(layout.bytes % 4, 0, `${title} is whole words`);
  }
});

const documented = existsSync(ARCHITECTURE) ? test : test.skip;
documented('ARCHITECTURE.md draws the layouts as they are', async () => {
  const layouts = await loadLayouts();
  const blocks = readFileSync(ARCHITECTURE, 'utf8').matchAll(
    /^```\w*\n((.+) \(\d+ bytes\)\noffset {2}bytes {2}field\n[\s\S]*?)\n```$/gm,
  );
  const drawn = [...blocks].map(([, block, title]) => ({ block, title }));
  assert.ok(drawn.length > 0, 'ARCHITECTURE.md draws no layout');
  for (const { block, title } of drawn) {
    const layout = layouts.get(title.toLowerCase());
    assert.ok(layout !== undefined, `no layout is called '${title}'; there are ${[...layouts.keys()].join(', ')}`);
    assert.is(block, diagram(title, layout as Layout));
  }
});

test.run();
