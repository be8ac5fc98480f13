import { SHIFT_CLOCK } from './events.js';

/*
 * Preloaded with `--import` into a process and its threads: puts the wall clock ahead or back, also while the process
 * runs, as a hand on the machine's clock would. Only `Date.now` is moved, the one wall clock that holdfast reads.
 */

const trueNow = Date.now;
let shiftMs = Number(process.env.HOLDFAST_TORTURE_CLOCK_MS ?? 0);

Date.now = () => trueNow() + shiftMs;

(globalThis as Record<symbol, unknown>)[SHIFT_CLOCK] = (ms: number) => {
  shiftMs = ms;
};
