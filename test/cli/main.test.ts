import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSources } from '../structure/import-graph.js';
import { temporaryDirectory } from '../support/env.js';
import { holdfast } from './command.js';

test('--help shows every command, --version the version', () => {
  const help = holdfast('--help');
  assert.is(help.status, 0);
  for (const command of ['demo', 'verify', 'inspect', 'dump', 'dump-wal', 'restore', 'salvage', 'migrate']) {
    assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'));
  }
  assert.is(holdfast('demo', '--help').status, 0);
  const version = holdfast('--version');
  assert.is(version.status, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

const WRONG: readonly (readonly [string[], RegExp])[] = [
  [[], /which command/],
  [['toString'], /no command "toString"/],
  [['demo', '--leases', '12x'], /--leases must be an integer from 1000 .* got "12x"/],
  [['demo', '--leases', '1e6'], /--leases/],
  [['demo', '--seconds', '0'], /--seconds/],
  [['demo', '--shards', '257'], /--shards must be an integer from 1 to 256; got "257"/],
  [['demo', '--durability', 'perhaps'], /--durability must be written or synced; got "perhaps"/],
  [['demo', '--directory', ''], /--directory/],
  [['demo', '--lease', '5000'], /--lease/],
  [['demo', 'there'], /there/],
  [['verify'], /one directory is needed; got 0/],
  [['verify', 'a', 'b'], /one directory is needed; got 2/],
  [['dump', '--all', 'a'], /--all/],
  [['inspect', '/there/is/no/such/directory'], /no directory/],
  [['restore', 'a'], /--to is needed/],
  [['restore', '--to', 'b'], /one directory is needed; got 0/],
  [['restore', 'a', '--to', ''], /--to must be a path/],
  [['salvage', 'a', '--into', 'b'], /--into/],
  [['migrate', '--from', 'a', '--to', 'lsm:b'], /--from must be ENGINE:DIR with one of cow-btree, .*; got "a"/],
  [['migrate', '--from', 'lsm:a', '--to', 'memory:b'], /--to must be ENGINE:DIR/],
  [['migrate', '--from', 'lsm:a'], /--to must be ENGINE:DIR/],
  [['migrate', '--from', 'lsm:a', '--to', 'rocksdb:./a'], /--from and --to are one directory/],
  [['migrate', '--from', 'lsm:/there/is/none', '--to', 'rocksdb:b'], /there is no store in \/there\/is\/none/],
  [
    ['salvage', 'a', '--to', 'b', '--value-encoding', 'xml'],
    /--value-encoding must be json or utf8 or buffer; got "xml"/,
  ],
];

for (const [args, why] of WRONG) {
  test(`a wrong call says why and how to call: ${args.join(' ')}`, () => {
    const { status, stdout, stderr } = holdfast(...args);
    assert.is(status, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, why);
    assert.match(stderr, /Usage: holdfast <command>/);
  });
}

test('messages name commands that there are', () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const help = holdfast('--help').stdout;
  const named = [...readSources(root, ['src']).values()].flatMap((source) =>
    [...source.matchAll(/"holdfast ([a-z-]+)/g)].map((match) => match[1]),
  );
  assert.ok(named.length > 3);
  for (const command of named) assert.match(help, new RegExp(`^  ${command} `, 'm'));
});

test('the demo leaves a directory alone that is not its own', () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'photographs'));
  writeFileSync(join(directory, 'photographs', 'one.txt'), 'precious');
  const { status, stderr } = holdfast('demo', '--directory', directory);
  assert.is(status, 2);
  assert.match(stderr, /ERR_HOLDFAST_FORMAT.*photographs/);
});

test.run();
