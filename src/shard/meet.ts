export interface MeetTask {
  readonly arrived: Int32Array;
  readonly threads: number;
}

/** Longer than a thread takes to load its modules on a busy machine. */
const PATIENCE_MS = 10_000;

/** Waits until as many threads of a pool are here: one that is here has been loaded, and so have the others then. */
export function meet({ arrived, threads }: MeetTask): void {
  Atomics.add(arrived, 0, 1);
  Atomics.notify(arrived, 0);
  for (;;) {
    const here = Atomics.load(arrived, 0);
    if (here >= threads || Atomics.wait(arrived, 0, here, PATIENCE_MS) === 'timed-out') return;
  }
}
