import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Latencies } from '../latency.js';
import type { Extent } from '../reporter.js';

/*
 * The loops that everything is measured with. They look at the clock for the end only now and then, take what a call wants
 * from a list made before, and allocate nothing else. Between calls they give way to the event loop now and then: a
 * promise that was resolved at once does not, and timers of the store would never run.
 */

const LOOK_EVERY = 64;
const TURN_EVERY = 4096;
/**
 * Calls of which the arguments are made at a time: few enough to be in the cache still when the last is called, and to be
 * made before a store that was busy goes to sleep (256 took 0.2 ms, and each 256th call had to wake it).
 */
const RECEIVED = 32;

export type Call = (at: number) => unknown;

/**
 * Makes the arguments of the calls that come next, for these places, in their order: calls are then told a place in what
 * was made. It is not timed. A request brings its key along, freshly decoded; out of a list of a million each would be
 * fetched from memory first, which is the list's doing and nobody's store.
 */
export type Receive = (places: Uint32Array) => void;

/**
 * Room for the latencies of a run. V8 takes it for a reason to collect the whole heap soon, in which the bench keeps a
 * million keys: that took 10 to 160 ms of the first calls, which is no pause of a store, so it is done before the clock starts.
 */
function roomFor(operations: number): Latencies {
  const latencies = new Latencies(operations);
  globalThis.gc?.();
  return latencies;
}

/** Calls one after the other, each awaited: how long each took. */
export async function awaited(order: Uint32Array, extent: Extent, call: Call, receive?: Receive): Promise<Latencies> {
  const latencies = roomFor(extent.operations);
  const next = placing(order, receive);
  const endMs = performance.now() + extent.seconds * 1000;
  for (let i = 0; i < extent.operations; i++) {
    const at = next(i);
    const startedMs = performance.now();
    await call(at);
    const now = performance.now();
    latencies.add(startedMs, now);
    if (i % LOOK_EVERY === 0 && now >= endMs) break;
    if (i % TURN_EVERY === TURN_EVERY - 1) await nextTurn();
  }
  return latencies;
}

/** The same for calls that answer without a promise. */
export async function direct(order: Uint32Array, extent: Extent, call: Call, receive?: Receive): Promise<Latencies> {
  const latencies = roomFor(extent.operations);
  const next = placing(order, receive);
  const endMs = performance.now() + extent.seconds * 1000;
  for (let i = 0; i < extent.operations; i++) {
    const at = next(i);
    const startedMs = performance.now();
    call(at);
    const now = performance.now();
    latencies.add(startedMs, now);
    if (i % LOOK_EVERY === 0 && now >= endMs) break;
    if (i % TURN_EVERY === TURN_EVERY - 1) await nextTurn();
  }
  return latencies;
}

/** Calls a second without a clock around each: what `direct` would be without its own cost. */
export async function directRate(order: Uint32Array, extent: Extent, call: Call, receive: Receive): Promise<number> {
  const mask = order.length - 1;
  const endMs = performance.now() + extent.seconds * 1000;
  let spentMs = 0;
  let i = 0;
  while (i < extent.operations && performance.now() < endMs) {
    receive(order.subarray(i & mask, (i & mask) + RECEIVED));
    const startedMs = performance.now();
    for (let at = 0; at < RECEIVED; at++) call(at);
    spentMs += performance.now() - startedMs;
    i += RECEIVED;
    if (i % TURN_EVERY === 0) await nextTurn();
  }
  return (i / spentMs) * 1000;
}

/** What the i-th call is told: a place in the order, or in what was made of it just before. */
export function placing(order: Uint32Array, receive: Receive | undefined): (i: number) => number {
  const mask = order.length - 1;
  if (receive === undefined) return (i) => order[i & mask];
  return (i) => {
    const at = i % RECEIVED;
    if (at === 0) receive(order.subarray(i & mask, (i & mask) + RECEIVED));
    return at;
  };
}

/** Operations a second by `width` callers, each of which awaits one call after the other; a call does `size` operations. */
export async function pipelined(
  width: number,
  size: number,
  extent: Extent,
  call: (from: number) => unknown,
): Promise<number> {
  const startedMs = performance.now();
  const endMs = startedMs + extent.seconds * 1000;
  let next = 0;
  let done = 0;
  const lookEvery = Math.max(1, Math.floor(LOOK_EVERY / size));
  const turnEvery = Math.max(LOOK_EVERY, Math.floor(TURN_EVERY / size));
  const work = async () => {
    for (let calls = 1; next < extent.operations; calls++) {
      const from = next;
      next += size;
      await call(from);
      done += size;
      if (calls % lookEvery === 0 && performance.now() >= endMs) return;
      if (calls % turnEvery === 0) await nextTurn();
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return (done / (performance.now() - startedMs)) * 1000;
}
