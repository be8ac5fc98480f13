import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Durability } from '../../index.js';
import type { Acknowledgements } from './acknowledgements.js';

const PLAYER = fileURLToPath(new URL('./play.js', import.meta.url));

export interface Game {
  readonly directory: string;
  readonly seed: number;
  readonly leases: number;
  readonly durability: Durability;
  readonly seconds: number;
}

/** Lets a store be played with until it dies, and notes what it promised. */
export type Player = (game: Game, acknowledged: Acknowledgements, onProgress: () => void) => Promise<void>;

/** Plays in a child process, and kills that with SIGKILL in the middle of its work. */
export const playAndKill: Player = async (game, acknowledged, onProgress) => {
  const { directory, seed, leases, durability, seconds } = game;
  const child = spawn(process.execPath, [PLAYER, directory, String(seed), String(leases), durability], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    acknowledged.receive(chunk);
    onProgress();
    // The clock starts with the first acknowledgement: opening the store takes its own time.
    timer ??= setTimeout(kill, seconds * 1000);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      // Not before 'close' has the pipe been read to its end.
      child.once('close', (code, signal) => {
        if (signal === 'SIGKILL' && timer !== undefined) resolve();
        else reject(new Error(`the player ended before it was killed: ${signal ?? `exit code ${code}`}`));
      });
    });
  } finally {
    clearTimeout(timer);
    process.off('exit', kill);
  }
};
