import * as layout from '../../native-layout/shard-control.js';
import type { Control } from '../memory/control.js';

/*
 * A cut across shards: every shard commits what came before the barrier and stands still at its gate until the client
 * has pinned all of them. A shard does not stand for long: a client that does not come costs it this much.
 */

const PATIENCE_MS = 100;

/** The shard's side. Shut the gate before the barrier is answered, then stand. */
export function shutGate(control: Control): void {
  Atomics.store(control.signed, layout.GATE, layout.GATE_SHUT);
}

export function standAtGate(control: Control): void {
  Atomics.wait(control.signed, layout.GATE, layout.GATE_SHUT, PATIENCE_MS);
  Atomics.compareExchange(control.signed, layout.GATE, layout.GATE_SHUT, layout.GATE_ABANDONED);
}

/** The client's side: lets the shard go on. `false` if it went on by itself, so that what was pinned is no cut. */
export function openGate(control: Control): boolean {
  const before = Atomics.compareExchange(control.signed, layout.GATE, layout.GATE_SHUT, layout.GATE_OPEN);
  Atomics.notify(control.signed, layout.GATE);
  return before === layout.GATE_SHUT;
}
