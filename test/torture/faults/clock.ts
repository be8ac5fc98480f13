import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StartOptions } from '../session.js';
import type { Fault, Ordeal } from './fault.js';

const ROUNDS = 5;
const PRELOAD = fileURLToPath(new URL('../clock-shift.js', import.meta.url));
const MINUTE_MS = 60_000;
/** How far the wall clock is from the true time: nobody's clock is right, and some are far off. */
const SHIFTS_MS = [0, 0, 50, -50, 5000, -5000, MINUTE_MS, -MINUTE_MS, 120 * MINUTE_MS, -120 * MINUTE_MS];
/** Time since the machine started, seconds more: in milliseconds beyond 2^31 and 2^32 too. */
const UPTIMES_S = [0, 100, 2_147_483, 4_294_967, 40_000_000];

/** The wall clock jumps, between two runs and during one; the monotonic clock starts elsewhere each time. */
export const clock: Fault = {
  name: 'clock',
  get what() {
    const uptimes = canShiftUptime() ? 'another uptime' : 'no other uptime: there is no time namespace to be had';
    return `Date.now shifted in the process, both ways (no real clock is set); ${uptimes}`;
  },
  unavailable: () => undefined,
  async run({ random, session: newSession }: Ordeal): Promise<void> {
    const session = newSession();
    const start = (): StartOptions => ({
      nodeArguments: ['--import', PRELOAD],
      environment: { HOLDFAST_TORTURE_CLOCK_MS: String(random.pick(SHIFTS_MS)) },
      wrapper: canShiftUptime() ? uptime(random.pick(UPTIMES_S)) : [],
    });
    for (let round = 0; round < ROUNDS; round++) {
      await session.open(start());
      for (let jumps = random.below(3); jumps > 0; jumps--) {
        await session.pause(20, 150);
        session.send(`clock ${random.pick(SHIFTS_MS)}`);
      }
      await session.pause(20, 200);
      session.expectOnly([]);
      if (random.chance(0.6)) await session.kill();
      else await session.stop();
    }
    await session.settle(start());
  },
};

function uptime(seconds: number): string[] {
  const offset = String(seconds);
  return ['unshare', '--time', '--monotonic', offset, '--boottime', offset, '--fork', '--kill-child'];
}

let uptimeShifts: boolean | undefined;

function canShiftUptime(): boolean {
  if (uptimeShifts === undefined) {
    const [command, ...args] = uptime(100);
    uptimeShifts = process.platform === 'linux' && spawnSync(command, [...args, 'true']).status === 0;
  }
  return uptimeShifts;
}
