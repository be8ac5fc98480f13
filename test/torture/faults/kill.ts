import type { Fault, Ordeal } from './fault.js';

const ROUNDS = 6;

/** `kill -9`: at each acknowledgement in turn, and at any moment, openings and closings included. */
export const kill: Fault = {
  name: 'kill',
  what: 'SIGKILL at every k-th acknowledgement and at random',
  unavailable: () => undefined,
  async run(ordeal: Ordeal): Promise<void> {
    const { random } = ordeal;
    const session = ordeal.session();
    for (let round = 0; round < ROUNDS; round++) {
      const way = (ordeal.run * ROUNDS + round) % 3;
      if (way === 0) {
        // Once each, before the next time round.
        const killAt = 1 + (((ordeal.run * ROUNDS + round) / 3) % 400);
        const process = session.start({ killAt });
        const { signal, stderr } = await process.ended();
        if (signal !== 'SIGKILL') throw new Error(`it did not live to be killed: ${signal} ${stderr}`);
        session.crashed('process');
      } else if (way === 1) {
        await session.open();
        await session.pause(0, 600);
        if (random.chance(0.3)) await killClosing(session);
        else await session.kill();
      } else {
        // While it loads, opens, recovers.
        session.start();
        await session.pause(50, 700);
        await session.kill();
      }
      if (random.chance(0.3)) session.verify();
    }
    await session.settle();
  },
};

async function killClosing(session: ReturnType<Ordeal['session']>): Promise<void> {
  session.send('stop');
  await session.pause(0, 60);
  await session.killUnlessEnded();
}
