import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ResolvedOptions, resolveOptions } from '../src/options.js';
import { temporaryDirectory } from './support/env.js';

/** From dist/test up to the top of the project. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** What stands in the first block of a language. */
function block(language: string): string {
  const found = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(README);
  assert.ok(found, `README.md has no block of ${language}`);
  return (found as RegExpExecArray)[1];
}

/** The cells of a table's rows, by the heading above it; a table ends with the first line that is none of its rows. */
function rows(headOfTable: string): string[][] {
  const lines = README.slice(README.indexOf(headOfTable)).split('\n').slice(2);
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test('the screen of code runs as it stands, and prints what it says', () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(ROOT, join(directory, 'node_modules', 'holdfast'), 'junction');
  writeFileSync(join(directory, 'example.mjs'), block('js'));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], {
    cwd: directory,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.is(stderr, '');
  assert.is(stdout, block('text'));
  assert.is(status, 0);
});

test('every option is in the table, with its default', () => {
  const defaults = resolveOptions({ directory: 'd' }, {});
  const table = new Map(rows('| option | default |').map(([name, fallback]) => [name.replaceAll('`', ''), fallback]));
  assert.equal([...table.keys()].sort(), Object.keys(defaults).sort());
  for (const [name, fallback] of table) {
    const resolved = defaults[name as keyof ResolvedOptions];
    if (/^\d+$/.test(fallback)) assert.is(Number(fallback), resolved, name);
    else if (fallback.startsWith("`'")) assert.is(fallback, `\`'${resolved}'\``, name);
    else
      assert.ok(
        ['directory', 'shards', 'nodeBytes', 'memoryBytesMax', 'onProgress'].includes(name),
        `${name} has a plain default`,
      );
  }
});

test('every error code is in the table', () => {
  const codes = readFileSync(join(ROOT, 'src/errors.ts'), 'utf8').match(/(?<=\| ')ERR_HOLDFAST_\w+/g);
  assert.equal(
    rows('| code | what to do |').map(([code]) => code.replaceAll('`', '')),
    codes,
  );
});

test('every file that the documentation names is there', () => {
  const documents = ['README.md', 'ARCHITECTURE.md'].map((name) => readFileSync(join(ROOT, name), 'utf8')).join('\n');
  const named = documents.matchAll(/`((?:src|test|workers|native-layout|bench|scripts)\/[\w./-]*)`/g);
  const paths = [...new Set([...named].map(([, path]) => path))];
  assert.ok(paths.length > 50, `found ${paths.length}`);
  assert.equal(
    paths.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});

test('links within the documentation lead somewhere', () => {
  for (const document of ['README.md', 'ARCHITECTURE.md']) {
    const text = readFileSync(join(ROOT, document), 'utf8');
    for (const [, file, anchor] of text.matchAll(/\]\(([\w./-]*)(?:#([\w-]+))?\)/g)) {
      const target = join(ROOT, file === '' ? document : file);
      assert.ok(existsSync(target), `${document} links to ${file}`);
      if (anchor === undefined) continue;
      const headings = readFileSync(target, 'utf8').match(/^#+ .+$/gm) ?? [];
      const anchors = headings.map((line) =>
        line
          .replace(/^#+ /, '')
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
      assert.ok(anchors.includes(anchor), `${document} links to #${anchor} of ${file || document}`);
    }
  }
});

test.run();
