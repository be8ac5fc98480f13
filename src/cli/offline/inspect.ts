import { listCheckpoints } from '../../checkpoint/files.js';
import { type CheckpointReader, openCheckpoint } from '../../checkpoint/reader.js';
import { LeaseStoreError } from '../../errors.js';
import type { TreeReport } from '../../tree/check.js';
import { valueCodec } from '../../value-codec.js';
import { type LoadedShard, loadShard, type ShardFiles, type StoreFiles, withStoreFiles } from './store-files.js';
import { storedLeases } from './stored-leases.js';

/** Owners and types with the most leases are shown; so many of each. */
const SHOWN_MAX = 20;

/**
 * `holdfast inspect`: what a store consists of. Shows what opening it would find, so a store that would not open is told
 * as damaged; `verify` says everything that is wrong with one.
 */
export function inspect(directory: string): Promise<number> {
  return withStoreFiles(directory, (store) => {
    const { manifest } = store;
    console.log(`${directory}: ${manifest.engine} store ${manifest.storeId}, made ${manifest.createdAt}`);
    console.log(`  format ${manifest.format}, generation ${manifest.generation}, shards ${manifest.shards}`);
    console.log(`  nodes of ${manifest.nodeBytes} bytes, values as ${manifest.valueEncoding}`);
    const owners = new Map<string, number>();
    const types = new Map<string, number>();
    const codec = valueCodec<unknown>(manifest.valueEncoding);
    for (const shard of store.shards) {
      const loaded = loadShard(store, shard);
      showShard(store, shard, loaded);
      for (const { owner, key } of storedLeases(loaded, codec)) {
        owners.set(owner, (owners.get(owner) ?? 0) + 1);
        types.set(key.type, (types.get(key.type) ?? 0) + 1);
      }
    }
    showCounts('owners', owners);
    showCounts('types', types);
    return 0;
  });
}

function showShard(store: StoreFiles, shard: ShardFiles, { slabs, recovered }: LoadedShard): void {
  const { report, scan, lsn, tokenFloor, lastStoreMs, replayed } = recovered;
  console.log(`\nshard ${shard.shard}: LSN ${lsn}, tokens above ${tokenFloor}, last seen ${instant(lastStoreMs)}`);
  for (const { path, cutLsn } of listCheckpoints(store.files, shard.directory)) {
    console.log(`  ${path}: ${describeCheckpoint(store, shard, path, cutLsn)}`);
  }
  for (const { path, epoch, firstLsn, lastLsn, frames, bytes } of scan.segments) {
    const read = frames === 0 ? '' : `, ${frames} frames`;
    console.log(`  ${path}: epoch ${epoch}, LSN ${firstLsn} to ${lastLsn}${read}, ${bytes} bytes`);
  }
  if (scan.torn !== undefined) {
    console.log(`  ${scan.torn.path}: torn at byte ${scan.torn.offset}, ${scan.torn.bytes} bytes to be cut off`);
  }
  console.log(`  ${replayed} log records come after the checkpoint`);
  for (const name of ['leases', 'owners', 'names'] as const) {
    console.log(`  ${name} tree: ${describeTree(report[name], slabs.nodeBytes)}`);
  }
}

function describeCheckpoint({ files, manifest }: StoreFiles, shard: ShardFiles, path: string, cutLsn: number): string {
  let reader: CheckpointReader;
  try {
    reader = openCheckpoint(files, path, cutLsn, { ...shard.owner, nodeBytes: manifest.nodeBytes });
  } catch (error) {
    // Recovery came this far without it.
    if (error instanceof LeaseStoreError) return error.message;
    throw error;
  }
  const { meta, summary } = reader;
  reader.close();
  return `up to LSN ${cutLsn}, of ${instant(meta.storeMs)}, ${summary.images} nodes, ${summary.bytes} bytes`;
}

function describeTree(tree: TreeReport, nodeBytes: number): string {
  const nodes = tree.leaves + tree.branches;
  const shape = `${tree.levels} levels, ${tree.branches} branches, ${tree.leaves} leaves`;
  const values = tree.valueNodes === 0 ? '' : `, ${tree.valueNodes} nodes of values`;
  const fill = nodes === 0 ? '' : `, ${((tree.usedBytes / (nodes * nodeBytes)) * 100).toFixed(0)} % full`;
  return `${tree.entries} entries, ${shape}${values}${fill}`;
}

function showCounts(what: string, counts: ReadonlyMap<string, number>): void {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  console.log(`\n${sorted.length} ${what}, by stored leases`);
  for (const [name, count] of sorted.slice(0, SHOWN_MAX)) console.log(`  ${JSON.stringify(name)}: ${count}`);
  if (sorted.length > SHOWN_MAX) console.log(`  and ${sorted.length - SHOWN_MAX} more`);
}

function instant(ms: number): string {
  return ms === 0 ? 'no time' : new Date(ms).toISOString();
}
