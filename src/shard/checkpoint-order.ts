import * as layout from '../../native-layout/shard-control.js';
import { LeaseStoreError } from '../errors.js';
import { removeTemporaries } from '../checkpoint/files.js';
import type { FileSystem } from '../io/file-system.js';
import { Control, readCommit } from '../memory/control.js';
import { PinRow } from '../memory/pins.js';
import { Slabs, type SlabsHandle } from '../memory/slabs.js';
import { pause } from '../pause.js';
import { type Beside, type SavedCheckpoint, saveCheckpoint, writeCheckpoint } from '../recovery/save.js';

export type { SavedCheckpoint } from '../recovery/save.js';
import { Bell } from './bell.js';
import { AT } from '../metrics/counters.js';

/** A checkpoint to be made of one shard by a thread that is not its own. Plain data. */
export interface CheckpointOrder {
  readonly shard: number;
  readonly storeId: Uint8Array;
  /** Where the checkpoint goes. */
  readonly directory: string;
  /** Whether that is the shard's own directory, whose older files the checkpoint replaces. */
  readonly replaces: boolean;
  readonly control: SharedArrayBuffer;
  readonly slabs: SlabsHandle;
  readonly bell: SharedArrayBuffer;
  /** Reader row of the thread. */
  readonly row: number;
}

const LOOK_EVERY_MS = 1;
/** Longer than a sync should take. A store that is being closed waits no longer: its log has all that matters. */
const CLOSE_PATIENCE_MS = 5000;

/**
 * Pins the shard's published commit and streams it to a checkpoint file, while the shard goes on. `step` is called every
 * few microseconds.
 */
export function checkpointShard(files: FileSystem, order: CheckpointOrder, step: () => void): SavedCheckpoint {
  const { shard, storeId, directory } = order;
  const control = new Control(order.control);
  const slabs = new Slabs(order.slabs);
  const pins = new PinRow(control, order.row);
  const walBytes = control.doubles[AT.walBytes];
  const pin = pins.acquire();
  try {
    const commit = readCommit(control, pins.slot(pin));
    const beside: Beside = {
      untilDurable: (lsn) => waitUntilDurable(control, new Bell(order.bell), lsn),
      step,
    };
    const save = order.replaces ? saveCheckpoint : writeCheckpoint;
    // Of a thread that died on the way; there is one checkpoint at a time.
    if (order.replaces) removeTemporaries(files, directory);
    const saved = save(files, directory, { shard, storeId }, slabs, commit, beside);
    if (order.replaces) {
      control.doubles[AT.walBytesAtCheckpoint] = walBytes;
      control.doubles[AT.checkpoints] += 1;
      control.doubles[AT.checkpointBytes] = saved.bytes;
      control.doubles[AT.checkpointLsn] = saved.lsn;
      control.clear(layout.HEALTH_CHECKPOINT_FAILING);
    }
    return saved;
  } catch (error) {
    if (order.replaces) {
      control.doubles[AT.checkpointFailures] += 1;
      control.raise(layout.HEALTH_CHECKPOINT_FAILING);
    }
    throw error;
  } finally {
    pins.release(pin);
  }
}

function waitUntilDurable(control: Control, bell: Bell, lsn: number): void {
  let looksSinceClosed = 0;
  while (control.lsn(layout.DURABLE_LSN) < lsn) {
    if ((control.health & layout.HEALTH_SYNC_FAILED) !== 0) {
      throw new LeaseStoreError(
        'ERR_HOLDFAST_IO',
        'the log could not be synced, so its checkpoint would be ahead of it',
      );
    }
    if ((control.health & layout.HEALTH_DOWN) !== 0) {
      throw new LeaseStoreError(
        'ERR_HOLDFAST_IO',
        'the thread of the shard died before it told of its last write, so the checkpoint would be ahead of the log',
      );
    }
    // A shard whose thread died, and has no other while its disk is full, may have told nobody of its last write.
    if ((control.health & layout.HEALTH_CLOSED) !== 0 && ++looksSinceClosed > CLOSE_PATIENCE_MS / LOOK_EVERY_MS) {
      throw new LeaseStoreError(
        'ERR_HOLDFAST_CLOSED',
        'the store was closed while the checkpoint waited for the log to be synced; the log has everything that it would have had',
      );
    }
    bell.ring();
    pause(LOOK_EVERY_MS);
  }
}
