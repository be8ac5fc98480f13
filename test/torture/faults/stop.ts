import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Ordeal } from './fault.js';

const ROUNDS = 4;

/** A process that is stopped holds its store and its leases run out; nothing else happens to it. */
export const stop: Fault = {
  name: 'stop',
  what: 'SIGSTOP and SIGCONT',
  unavailable: () => (process.platform === 'win32' ? 'Windows has no SIGSTOP' : undefined),
  async run({ random, session: newSession }: Ordeal): Promise<void> {
    const session = newSession();
    const tortured = await session.open();
    for (let round = 0; round < ROUNDS; round++) {
      await session.pause(20, 300);
      tortured.signal('SIGSTOP');
      if (round === 0) await session.expectRefused('ERR_HOLDFAST_LOCKED');
      else await sleep(random.between(1, 1200));
      tortured.signal('SIGCONT');
    }
    await session.pause(50, 200);
    session.expectOnly([]);
    if (random.chance(0.5)) {
      tortured.signal('SIGSTOP');
      await session.kill();
    } else await session.stop();
    await session.settle();
  },
};
