import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Job, Message } from './job.js';

/** A child that says nothing for so long is taken for hung; the longest steps tell how far they are. */
const SILENCE_MS = 20 * 60_000;

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));

/** How a child ended: with all that it was to do, or with a reason. */
export type Ending = { readonly ok: true } | { readonly ok: false; readonly opened: boolean; readonly reason: string };

/** Runs a job in a process and a directory of its own; the directory is gone afterwards. */
export async function runJob(
  root: string,
  job: Omit<Job, 'directory'>,
  onMessage: (message: Message) => void,
): Promise<Ending> {
  const directory = mkdtempSync(join(root, `${job.engine}-`));
  try {
    return await inChild({ ...job, directory }, onMessage);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function inChild(job: Job, onMessage: (message: Message) => void): Promise<Ending> {
  const child = fork(CHILD, [JSON.stringify(job)], {
    execArgv: ['--expose-gc', '--max-old-space-size=8192'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let silent = false;
  const watchdog = setTimeout(() => {
    silent = true;
    kill();
  }, SILENCE_MS);
  let opened = false;
  let done = false;
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000);
  });
  child.on('message', (message: Message) => {
    watchdog.refresh();
    if (message.kind === 'opened') opened = true;
    if (message.kind === 'done') done = true;
    onMessage(message);
  });
  return new Promise((resolve) => {
    const end = (ending: Ending) => {
      clearTimeout(watchdog);
      process.off('exit', kill);
      resolve(ending);
    };
    child.once('error', (error) => end({ ok: false, opened, reason: error.message }));
    child.once('close', (code, signal) => {
      if (done && code === 0) end({ ok: true });
      else if (silent) end({ ok: false, opened, reason: `nothing was heard of it for ${SILENCE_MS / 60_000} minutes` });
      else end({ ok: false, opened, reason: reasonOf(said, code, signal) });
    });
  });
}

/** The error's own line where there was one, else how the process ended. */
function reasonOf(said: string, code: number | null, signal: NodeJS.Signals | null): string {
  const line = said.match(/^\w*Error[^\n]*/m)?.[0] ?? said.trim().split('\n').at(-1) ?? '';
  const how = signal === null ? `exit code ${code}` : signal;
  return line === '' ? `the process ended with ${how}` : `${line} (${how})`;
}
