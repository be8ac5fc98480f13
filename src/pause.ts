const never = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps without turning the event loop: the thread does nothing else meanwhile. */
export function pause(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}
