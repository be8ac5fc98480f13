import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openRocksDb } from '../../../src/engines/rocksdb/open.js';
import { resolveOptions } from '../../../src/options.js';
import { temporaryDirectory } from '../../support/env.js';

test('RocksDB itself says that it runs with the configuration of the RFC', async () => {
  const directory = temporaryDirectory();
  const store = await openRocksDb(resolveOptions({ engine: 'rocksdb', directory }));
  await store.close();
  const data = join(directory, 'data');
  const name = readdirSync(data)
    .filter((each) => each.startsWith('OPTIONS-'))
    .at(-1);
  assert.ok(name !== undefined);
  const settings = readFileSync(join(data, name), 'utf8')
    .split('\n')
    .map((line) => line.trim());
  const wanted = [
    `write_buffer_size=${64 * 1024 * 1024}`,
    'level_compaction_dynamic_level_bytes=true',
    'compaction_style=kCompactionStyleLevel',
    'filter_policy=bloomfilter:10:false',
  ];
  for (const setting of wanted) assert.ok(settings.includes(setting), setting);
});

test.run();
