import { createControl } from '../../../native-layout/shard-control.js';
import { ClientBell } from '../../mailbox/client-bell.js';
import { createRing } from '../../mailbox/ring.js';
import { type Manifest, shardDirectory } from '../../manifest.js';
import { Control } from '../../memory/control.js';
import { Slabs } from '../../memory/slabs.js';
import type { ResolvedOptions } from '../../options.js';
import { Bell } from '../../shard/bell.js';
import type { ShardConfig } from '../../shard/shard.js';

/** A mailbox each way for each shard: some thousands of operations. */
const RING_BYTES = 1024 * 1024;

/** Everything that the threads of an open store share. */
export interface SharedMemory {
  readonly configs: readonly ShardConfig[];
  readonly controls: readonly Control[];
  readonly slabs: readonly Slabs[];
  readonly bell: SharedArrayBuffer;
  readonly clientBell: SharedArrayBuffer;
}

export function reserveSharedMemory(manifest: Manifest, options: ResolvedOptions, cores: number): SharedMemory {
  const { shards, nodeBytes, generation } = manifest;
  const bell = Bell.create();
  const clientBell = ClientBell.create();
  const storeId = Uint8Array.from(Buffer.from(manifest.storeId, 'hex'));
  const slabs = Array.from({ length: shards }, () => Slabs.reserve(nodeBytes, options.memoryBytesMax / shards));
  const configs = slabs.map(
    (own, shard): ShardConfig => ({
      shard,
      shards,
      directory: shardDirectory(options.directory, generation, shard),
      storeId,
      control: createControl(shard, nodeBytes),
      slabs: own.handle,
      requests: createRing(RING_BYTES),
      completions: createRing(RING_BYTES),
      clientBell,
      bell,
      durability: options.durability,
      waitStrategy: options.waitStrategy,
      sweepIntervalMs: options.sweepIntervalMs,
      cores,
    }),
  );
  return { configs, controls: configs.map(({ control }) => new Control(control)), slabs, bell, clientBell };
}
