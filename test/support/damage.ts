import { COUNT } from '../../native-layout/node.js';
import type { CowBtreeStore } from '../../src/index.js';
import { Control, readCommit } from '../../src/memory/control.js';
import { Slabs } from '../../src/memory/slabs.js';

/** Does to the memory of every shard of an open store what a stray write would: its leases no longer hold together. */
export function damageLeases(store: CowBtreeStore<unknown>): void {
  const { shards, port } = store.handle();
  port.close();
  for (const shard of shards) {
    const control = new Control(shard.control);
    const { leases } = readCommit(control, control.current);
    const memory = new Slabs(shard.slabs);
    memory.words[leases >>> memory.shift][(leases & memory.mask) * memory.nodeWords + COUNT] = 7;
  }
}
