import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Latencies } from '../latency.js';
import type { Extent } from '../reporter.js';

/*
 * The loops that everything is measured with. They look at the clock for the end only now and then, take keys from a
 * shuffled list made before, and allocate nothing but what the call under test wants. Between calls they give way to the
 * event loop now and then: a promise that was resolved at once does not, and timers of the store would never run.
 */

const LOOK_EVERY = 64;
const TURN_EVERY = 4096;

export type Call = (at: number) => unknown;

/** Calls one after the other, each awaited: how long each took. */
export async function awaited(order: Uint32Array, extent: Extent, call: Call): Promise<Latencies> {
  const latencies = new Latencies(extent.operations);
  const mask = order.length - 1;
  const endMs = performance.now() + extent.seconds * 1000;
  for (let i = 0; i < extent.operations; i++) {
    const startedMs = performance.now();
    await call(order[i & mask]);
    const now = performance.now();
    latencies.add(startedMs, now);
    if (i % LOOK_EVERY === 0 && now >= endMs) break;
    if (i % TURN_EVERY === TURN_EVERY - 1) await nextTurn();
  }
  return latencies;
}

/** The same for calls that answer without a promise. */
export async function direct(order: Uint32Array, extent: Extent, call: Call): Promise<Latencies> {
  const latencies = new Latencies(extent.operations);
  const mask = order.length - 1;
  const endMs = performance.now() + extent.seconds * 1000;
  for (let i = 0; i < extent.operations; i++) {
    const startedMs = performance.now();
    call(order[i & mask]);
    const now = performance.now();
    latencies.add(startedMs, now);
    if (i % LOOK_EVERY === 0 && now >= endMs) break;
    if (i % TURN_EVERY === TURN_EVERY - 1) await nextTurn();
  }
  return latencies;
}

/** Calls a second without a clock around each: what `direct` would be without its own cost. */
export async function directRate(order: Uint32Array, extent: Extent, call: Call): Promise<number> {
  const mask = order.length - 1;
  const startedMs = performance.now();
  const endMs = startedMs + extent.seconds * 1000;
  let i = 0;
  while (i < extent.operations) {
    const until = Math.min(extent.operations, i + TURN_EVERY);
    for (; i < until; i++) call(order[i & mask]);
    if (performance.now() >= endMs) break;
    await nextTurn();
  }
  return (i / (performance.now() - startedMs)) * 1000;
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
