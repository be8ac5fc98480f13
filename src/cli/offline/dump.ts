import { valueCodec } from '../../value-codec.js';
import { LineOutput } from './line-output.js';
import { loadShard, withStoreFiles } from './store-files.js';
import { storedLeases } from './stored-leases.js';

/**
 * `holdfast dump`: every stored lease as a line of JSON, shard after shard, in key order within each. A store that
 * could not be opened is not dumped in parts.
 */
export function dump(directory: string): Promise<number> {
  return withStoreFiles(directory, (store) => {
    const output = new LineOutput();
    const codec = valueCodec<unknown>(store.manifest.valueEncoding);
    for (const shard of store.shards) {
      for (const lease of storedLeases(loadShard(store, shard), codec)) output.write(lease);
    }
    output.flush();
    return 0;
  });
}
