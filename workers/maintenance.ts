import { setPriority } from 'node:os';
import type { MessagePort } from 'node:worker_threads';
import { nodeFileSystem } from '../src/io/node-file-system.js';
import type { Manifest } from '../src/manifest.js';
import { Pace } from '../src/pace.js';
import { type ReshardOrder, reshard } from '../src/reshard/reshard.js';
import { BackgroundSync } from '../src/shard/background-sync.js';
import { Bell } from '../src/shard/bell.js';
import { Control } from '../src/memory/control.js';
import { type CheckpointOrder, checkpointShard } from '../src/shard/checkpoint-order.js';
import type { SavedCheckpoint } from '../src/recovery/save.js';
import { type Answer, answer } from '../src/shard/control-api.js';

export interface SyncTask {
  readonly kind: 'sync';
  readonly bell: SharedArrayBuffer;
  readonly intervalMs: number;
  readonly logs: readonly { readonly control: SharedArrayBuffer; readonly directory: string }[];
}

export interface CheckpointTask extends CheckpointOrder {
  readonly kind: 'checkpoint';
}

export interface ReshardTask extends ReshardOrder {
  readonly kind: 'reshard';
  /** Hears how far it has come. */
  readonly port: MessagePort;
}

export type MaintenanceTask = SyncTask | CheckpointTask | ReshardTask;

/** Work beside the shards, on a thread that may take its time. */
export function runMaintenance(task: MaintenanceTask): Answer<SavedCheckpoint> | Answer<Manifest> | undefined {
  if (task.kind === 'sync') {
    syncLogs(task);
    return undefined;
  }
  if (task.kind === 'reshard') {
    const { port, ...order } = task;
    return answer(() => reshard(nodeFileSystem(), order, (progress) => port.postMessage(progress)));
  }
  yieldToShards();
  const { step } = new Pace(() => performance.now());
  return answer(() => checkpointShard(nodeFileSystem(), task, step));
}

/** Ends when the bell says stop. */
function syncLogs(task: SyncTask): void {
  const logs = task.logs.map(({ control, directory }) => ({ control: new Control(control), directory }));
  new BackgroundSync(nodeFileSystem(), logs, new Bell(task.bell), task.intervalMs).run();
}

/** On Linux a priority is a thread's own; elsewhere it would slow the whole process. */
function yieldToShards(): void {
  if (process.platform === 'linux') setPriority(0, 19);
}
