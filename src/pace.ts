import { pause } from './pause.js';

/** As long as this a thread that waits for the core has to wait. */
const WORK_MS = 1;
/** Enough for whoever waits to be given the core. */
const REST_MS = 0.1;

/**
 * Keeps long work from standing in the way of threads that must not wait: it lets go of the core once a millisecond.
 *
 * A low priority alone does not do that. A system puts the threads that such work pushed aside together on another core,
 * and moves them only when one is woken and finds a core idle, which a thread that never sleeps does not leave: a shard
 * and its client then take turns on one of two cores for as long as the work lasts. On a machine with a core to spare the
 * rests cost a tenth of the time. Where all cores are busy the work gets what its priority gives it.
 */
export class Pace {
  readonly #nowMs: () => number;
  readonly #pause: (ms: number) => void;
  #restAtMs: number;

  /** `nowMs`: any clock that is never set back. */
  constructor(nowMs: () => number, rest: (ms: number) => void = pause) {
    this.#nowMs = nowMs;
    this.#pause = rest;
    this.#restAtMs = nowMs() + WORK_MS;
  }

  /** To be called every few microseconds of work: rests when it is time to. */
  readonly step = (): void => {
    if (this.#nowMs() < this.#restAtMs) return;
    this.#pause(REST_MS);
    this.#restAtMs = this.#nowMs() + WORK_MS;
  };
}
