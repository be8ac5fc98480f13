import * as layout from '../../native-layout/shard-control.js';
import { LeaseStoreError } from '../errors.js';
import type { Control } from './control.js';

/**
 * One thread's pins on one shard. Nobody else writes this row, but for the writer, which may take an idle snapshot's
 * pin away by compare-and-exchange.
 */
export class PinRow {
  readonly #control: Control;
  readonly #signed: Int32Array;
  readonly #row: number;
  readonly #free: number[] = [];
  #high = 0;

  /** `row` was claimed for this thread (see {@link claimRow}). */
  constructor(control: Control, row: number) {
    this.#control = control;
    this.#signed = control.signed;
    this.#row = layout.rowIndex(row);
    this.#high = Atomics.load(this.#signed, this.#row + layout.ROW_HIGH);
    for (let i = this.#high - 1; i >= 0; i--) this.#free.push(i);
  }

  /** Claims a pin word and pins the published commit with it. Every use on a thread, nested or not, takes its own. */
  acquire(): number {
    const pin = this.#free.pop() ?? this.#grow();
    this.#pinCurrent(this.#row + layout.ROW_PINS + pin);
    return pin;
  }

  /** Slot that a pin holds. */
  slot(pin: number): number {
    return this.#signed[this.#row + layout.ROW_PINS + pin] - 1;
  }

  release(pin: number): void {
    Atomics.store(this.#signed, this.#row + layout.ROW_PINS + pin, 0);
    this.#free.push(pin);
  }

  /** Leaves a pin in place between uses; past its deadline (store seconds) the writer may take it. */
  rest(pin: number, deadlineSeconds: number): void {
    const at = this.#row + layout.ROW_PINS + pin;
    Atomics.store(this.#signed, this.#row + layout.ROW_DEADLINES + pin, deadlineSeconds | 0);
    Atomics.store(this.#signed, at, -this.#signed[at]);
  }

  /** Takes a resting pin up again; `false` if it was ousted meanwhile. */
  resume(pin: number): boolean {
    const at = this.#row + layout.ROW_PINS + pin;
    const resting = Atomics.load(this.#signed, at);
    return resting < 0 && Atomics.compareExchange(this.#signed, at, resting, -resting) === resting;
  }

  #pinCurrent(at: number): void {
    const signed = this.#signed;
    for (;;) {
      const slot = Atomics.load(signed, layout.CURRENT);
      Atomics.store(signed, at, slot + 1);
      // The writer looks at pins only after it moved `current`: if it still is where it was, this pin was seen in time.
      if (Atomics.load(signed, layout.CURRENT) === slot) return;
    }
  }

  #grow(): number {
    const pin = this.#high;
    if (pin === layout.PINS_PER_ROW) {
      throw new LeaseStoreError(
        'ERR_HOLDFAST_OVERLOADED',
        `this thread holds ${layout.PINS_PER_ROW} snapshots and unfinished iterators; close some before opening more`,
        { retryable: true },
      );
    }
    this.#high = pin + 1;
    Atomics.store(this.#control.signed, this.#row + layout.ROW_HIGH, this.#high);
    return pin;
  }
}

/** Claims a free reader row in every one of a store's control blocks; -1 if all are taken. */
export function claimRow(controls: readonly Control[]): number {
  for (let r = 0; r < layout.READER_ROWS; r++) {
    const at = layout.rowIndex(r) + layout.ROW_ATTACHED;
    if (Atomics.compareExchange(controls[0].signed, at, 0, 1) !== 0) continue;
    for (const control of controls) Atomics.store(control.signed, at, 1);
    return r;
  }
  return -1;
}

/** Gives a row back and drops whatever pins its thread left, as when that thread has ended. */
export function freeRow(controls: readonly Control[], row: number): void {
  // The first control's word is the claim; it goes last, when no pin of the old owner is left anywhere.
  for (const control of [...controls].reverse()) {
    const at = layout.rowIndex(row);
    for (let i = 0; i < layout.PINS_PER_ROW; i++) Atomics.store(control.signed, at + layout.ROW_PINS + i, 0);
    Atomics.store(control.signed, at + layout.ROW_ATTACHED, 0);
  }
}
