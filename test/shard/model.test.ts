// timeout: 300s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { scaled, seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';
import { ShardHistory } from '../support/shard-history.js';
import { Random } from '../support/tree-random.js';

for (const durability of ['written', 'synced'] as const) {
  test(`random histories of a '${durability}' shard follow the rules of leases`, () => {
    let states = 0;
    for (let n = 0; n < scaled(12, 600); n++) {
      const historySeed = seed + n;
      const history = new ShardHistory({
        durability,
        random: new Random(historySeed),
        files: new FaultFileSystem(),
      });
      try {
        for (let i = 0; i < 120; i++) history.act();
      } catch (error) {
        throw new Error(
          `history of seed ${historySeed}: ${(error as Error).message}\n${(error as { details?: string }).details ?? (error as Error).stack}`,
          { cause: error },
        );
      }
      states += history.states.size;
    }
    assert.ok(states > scaled(400, 20_000), `${states} states`);
  });
}

test.run();
