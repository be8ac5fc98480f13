import * as layout from '../../native-layout/shard-control.js';
import type { Control } from '../memory/control.js';
import { dropPins } from '../memory/pins.js';
import { AT } from '../metrics/counters.js';
import { ringDoorbell } from './wait.js';

/*
 * What threads beside the shards leave in shared memory when they die, and cannot put in order themselves. To be called
 * by whoever outlives them.
 */

/**
 * The thread that synced logs died. Of a sync that it was at nobody knows how it ended, and an error is told only once:
 * that counts as a failed one. The other logs are none the worse, and another thread may go on with them.
 */
export function settleDeadSync(controls: readonly Control[]): void {
  for (const control of controls) {
    if (Atomics.exchange(control.signed, layout.SYNCING, 0) === 0) continue;
    control.raise(layout.HEALTH_SYNC_FAILED);
    ringDoorbell(control);
  }
}

/** The thread that wrote a checkpoint of a shard, or with `replaces` false a copy of it, died: its pin goes. */
export function settleDeadCheckpoint(control: Control, row: number, replaces: boolean): void {
  dropPins(control, row);
  if (!replaces) return;
  control.doubles[AT.checkpointFailures] += 1;
  control.raise(layout.HEALTH_CHECKPOINT_FAILING);
}
