import * as layout from '../../native-layout/shard-control.js';
import { assert } from '../assert.js';
import { LeaseStoreError } from '../errors.js';
import type { Control } from './control.js';

const WORD_MASK = layout.PINS_PER_ROW - 1;
assert((layout.PINS_PER_ROW & WORD_MASK) === 0, 'pins per row must be a power of two');

/**
 * One thread's pins on one shard. Nobody else writes this row, but for the writer, which may take an idle snapshot's
 * pin away by compare-and-exchange.
 *
 * A pin is the number of its word, plus PINS_PER_ROW for every time that the word was taken from a holder that had lost
 * it and did not know yet.
 */
export class PinRow {
  readonly #control: Control;
  readonly #signed: Int32Array;
  readonly #row: number;
  readonly #free: number[] = [];
  /** Who holds each word. */
  readonly #holders: number[] = [];
  #high = 0;

  /** `row` was claimed for this thread (see {@link claimRow}). */
  constructor(control: Control, row: number) {
    this.#control = control;
    this.#signed = control.signed;
    this.#row = layout.rowIndex(row);
    this.#high = Atomics.load(this.#signed, this.#row + layout.ROW_HIGH);
    for (let i = this.#high - 1; i >= 0; i--) this.#free.push(i);
    for (let i = 0; i < layout.PINS_PER_ROW; i++) this.#holders.push(i);
  }

  /** Claims a pin word and pins the published commit with it. Every use on a thread, nested or not, takes its own. */
  acquire(): number {
    const pin = this.#free.pop() ?? this.#more();
    this.#pinCurrent(this.#at(pin));
    return pin;
  }

  /** Slot that an active pin holds. */
  slot(pin: number): number {
    return this.#signed[this.#at(pin)] - 1;
  }

  /** Lets go of an active pin. */
  release(pin: number): void {
    Atomics.store(this.#signed, this.#at(pin), 0);
    this.#free.push(pin);
  }

  /** Lets go of a resting pin, which may have been taken away meanwhile. */
  drop(pin: number): void {
    if (this.#isHeld(pin)) this.release(pin);
  }

  /** Leaves a pin in place between uses; past its deadline (store seconds) the writer may take it. */
  rest(pin: number, deadlineSeconds: number): void {
    const at = this.#at(pin);
    Atomics.store(this.#signed, this.#row + layout.ROW_DEADLINES + (pin & WORD_MASK), deadlineSeconds | 0);
    Atomics.store(this.#signed, at, -this.#signed[at]);
  }

  /** Takes a resting pin up again; `false` if it was ousted meanwhile. */
  resume(pin: number): boolean {
    if (!this.#isHeld(pin)) return false;
    const at = this.#at(pin);
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

  #at(pin: number): number {
    return this.#row + layout.ROW_PINS + (pin & WORD_MASK);
  }

  #isHeld(pin: number): boolean {
    return this.#holders[pin & WORD_MASK] === pin;
  }

  /** A word that was never used, or one whose holder was ousted and never came back. */
  #more(): number {
    const pin = this.#high;
    if (pin === layout.PINS_PER_ROW) return this.#takeOusted();
    this.#high = pin + 1;
    Atomics.store(this.#control.signed, this.#row + layout.ROW_HIGH, this.#high);
    return pin;
  }

  #takeOusted(): number {
    for (const pin of this.#holders) {
      if (Atomics.load(this.#signed, this.#at(pin)) !== layout.PIN_OUSTED) continue;
      const next = pin + layout.PINS_PER_ROW;
      this.#holders[pin & WORD_MASK] = next;
      return next;
    }
    throw new LeaseStoreError(
      'ERR_HOLDFAST_OVERLOADED',
      `this thread holds ${layout.PINS_PER_ROW} snapshots and unfinished iterators; close some before opening more`,
      { retryable: true },
    );
  }
}

/** Claims a free reader row in every one of a store's control blocks; -1 if all are taken. */
export function claimRow(controls: readonly Control[]): number {
  for (let r = 0; r < layout.READER_ROWS; r++) {
    const at = layout.rowIndex(r) + layout.ROW_ATTACHED;
    if (Atomics.compareExchange(controls[0].signed, at, 0, layout.ROW_CLAIMED) !== 0) continue;
    for (const control of controls) Atomics.store(control.signed, at, layout.ROW_CLAIMED);
    return r;
  }
  return -1;
}

/** The thread that a row was claimed for takes it. `false` if it was taken before, or given back meanwhile. */
export function takeRow(controls: readonly Control[], row: number): boolean {
  const at = layout.rowIndex(row) + layout.ROW_ATTACHED;
  return Atomics.compareExchange(controls[0].signed, at, layout.ROW_CLAIMED, layout.ROW_TAKEN) === layout.ROW_CLAIMED;
}

/** Drops the pins that a thread left in a row which another will go on with. */
export function dropPins(control: Control, row: number): void {
  const at = layout.rowIndex(row) + layout.ROW_PINS;
  for (let i = 0; i < layout.PINS_PER_ROW; i++) Atomics.store(control.signed, at + i, 0);
}

/** Gives a row back and drops whatever pins its thread left, as when that thread has ended. */
export function freeRow(controls: readonly Control[], row: number): void {
  // The first control's word is the claim; it goes last, when no pin of the old owner is left anywhere.
  for (const control of [...controls].reverse()) {
    dropPins(control, row);
    Atomics.store(control.signed, layout.rowIndex(row) + layout.ROW_ATTACHED, 0);
  }
}
