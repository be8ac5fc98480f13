import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AcknowledgementReader } from './acknowledgements.js';

const PLAYER = fileURLToPath(new URL('./play.js', import.meta.url));

/** Lets a child play against the store for so long, kills it with SIGKILL, and answers what it was promised. */
export async function playAndKill(arguments_: readonly string[], seconds: number): Promise<AcknowledgementReader> {
  const child = spawn(process.execPath, [PLAYER, ...arguments_], { stdio: ['ignore', 'pipe', 'inherit'] });
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const acknowledged = new AcknowledgementReader();
  let killed = false;
  child.stdout.on('data', (chunk: Buffer) => {
    // The clock starts with the first acknowledgement: opening the store takes its own time.
    if (acknowledged.count === 0) {
      setTimeout(() => {
        killed = true;
        child.kill('SIGKILL');
      }, seconds * 1000);
    }
    acknowledged.push(chunk);
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (killed ? resolve() : reject(new Error(`the player ended by itself, code ${code}`))));
  });
  process.off('exit', killWithUs);
  return acknowledged;
}
