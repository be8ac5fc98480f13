import { setTimeout as sleep } from 'node:timers/promises';
import type { Latencies } from '../latency.js';
import { StallWatch } from '../stall-watch.js';
import { awaited } from './drive.js';
import { type Bench, type Workload, warmUp } from './workload.js';

const STALL_US = 20_000;

/**
 * Awaited renewals without checkpoints and with one after the other, each beside a thread that only sleeps: a pause that
 * it shows as well is the machine's. `alone` is that thread while nothing else happens.
 */
export const stalls: Workload = {
  name: 'stalls',
  about: 'awaited renewals without and during checkpoints; control: how late a sleep of 1 ms ended meanwhile',
  synced: false,
  async run(bench) {
    const { checkpoint } = bench.subject;
    if (checkpoint === undefined) return;
    const { seconds } = bench.extent(1, 8);
    const alone = await StallWatch.start(seconds);
    await sleep(seconds * 250);
    tell(bench, 'alone:control', await alone.stop());

    await awaited(bench.order, warmUp(bench), (at) => bench.subject.renew(at));
    await renewals(bench, 'without', seconds);

    let over = false;
    let made = 0;
    const checkpoints = (async () => {
      for (; !over; made++) await checkpoint();
    })();
    await renewals(bench, 'during', seconds);
    over = true;
    await checkpoints;
    bench.part('during').report('checkpoints', made, 'made');
  },
};

async function renewals(bench: Bench, part: string, seconds: number): Promise<void> {
  bench.progress(part);
  const watch = await StallWatch.start(seconds + 60);
  const extent = { operations: 2_000_000, seconds };
  tell(bench, part, await awaited(bench.order, extent, (at) => bench.subject.renew(at)));
  tell(bench, `${part}:control`, await watch.stop());
}

function tell(bench: Bench, part: string, latencies: Latencies): void {
  const reporter = bench.part(part);
  reporter.latencies(latencies, { strip: true });
  reporter.report('over-20ms', latencies.sorted().filter((us) => us > STALL_US).length, 'pauses');
}
