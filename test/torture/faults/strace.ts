import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault, Ordeal } from './fault.js';
import { isFailure, isGrant, isRead } from './heard.js';

/** What a system call is made to answer, and what calls on the store may fail with because of it. */
interface Injection {
  /** Each as strace takes it: calls, error, and from which call of a thread on. */
  readonly inject: readonly string[];
  readonly mayFail: readonly string[];
  /** Whether the log takes no more writes until the store is opened again. */
  readonly final: boolean;
}

/** Unknown where other shards carried out their part of a `releaseOwner`. */
const FINAL = ['ERR_HOLDFAST_IO unknown', 'ERR_HOLDFAST_READ_ONLY not-applied', 'ERR_HOLDFAST_READ_ONLY unknown'];
const FULL = ['ERR_HOLDFAST_DISK_FULL not-applied', 'ERR_HOLDFAST_DISK_FULL unknown'];
const IO = ['ERR_HOLDFAST_IO not-applied', 'ERR_HOLDFAST_IO unknown'];
const CHECKPOINT_IO = ['checkpoint ERR_HOLDFAST_IO not-applied'];
const CHECKPOINT_FULL = ['checkpoint ERR_HOLDFAST_DISK_FULL not-applied'];

/** A store writes at positions; plain `write` is how Node wakes its own threads, and it aborts where that fails. */
const INJECTIONS: readonly Injection[] = [
  { inject: ['fdatasync:error=EIO:when=3+'], mayFail: [...FINAL, ...CHECKPOINT_IO], final: true },
  { inject: ['fdatasync:error=EIO:when=2'], mayFail: [...FINAL, ...CHECKPOINT_IO], final: true },
  { inject: ['pwrite64:error=ENOSPC:when=6..40'], mayFail: [...FULL, ...CHECKPOINT_FULL], final: false },
  { inject: ['pwrite64:error=EDQUOT:when=3..9'], mayFail: [...FULL, ...CHECKPOINT_FULL], final: false },
  { inject: ['pwrite64:error=EIO:when=4..20+3'], mayFail: [...IO, ...CHECKPOINT_IO], final: false },
  {
    inject: ['pwrite64:error=ENOSPC:when=5+', 'ftruncate:error=EIO'],
    mayFail: [...FINAL, ...CHECKPOINT_IO, ...CHECKPOINT_FULL],
    final: true,
  },
  { inject: ['rename,renameat,renameat2:error=EIO:when=1+'], mayFail: CHECKPOINT_IO, final: false },
  { inject: ['rename,renameat,renameat2:error=ENOSPC:when=1+'], mayFail: CHECKPOINT_FULL, final: false },
  { inject: ['open,openat:error=EMFILE:when=1+'], mayFail: CHECKPOINT_IO, final: false },
  { inject: ['fsync:error=EIO:when=1+'], mayFail: CHECKPOINT_IO, final: false },
];

const AT_ONCE = 2;

/** System calls that fail in the middle of everything, as a disk that goes bad makes them. */
export const strace: Fault = {
  name: 'strace',
  what: 'errors injected into fdatasync, pwrite64, rename, open, ftruncate and fsync',
  unavailable() {
    const probe = spawnSync('strace', ['-qq', '-o', '/dev/null', '-e', 'inject=fdatasync:error=EIO', 'true']);
    if (probe.error !== undefined) return 'there is no strace';
    return probe.status === 0 ? undefined : 'strace may not trace here';
  },
  async run(ordeal: Ordeal): Promise<void> {
    for (let i = 0; i < AT_ONCE; i++) {
      await suffer(ordeal, INJECTIONS[(ordeal.run * AT_ONCE + i) % INJECTIONS.length], i);
    }
  },
};

async function suffer(
  { random, scratch, session: newSession }: Ordeal,
  injection: Injection,
  i: number,
): Promise<void> {
  const session = newSession();
  session.note({ injection });
  const tortured = await session.open();
  await session.pause(20, 150);
  const log = join(scratch, `strace-${i}.log`);
  const tracer = await attach(tortured.pid, injection, log);
  try {
    await tortured.next((event) => isFailure(event), `a call to fail by ${injection.inject}`);
    // Reads go on, from what is published.
    await tortured.times(5, isRead, 'reads to go on');
    await session.pause(0, 200);
  } finally {
    await detach(tracer);
  }
  if (injection.final) await tortured.next((event) => isFailure(event, 'ERR_HOLDFAST_READ_ONLY'), 'refusals for good');
  else await tortured.times(20, isGrant, 'writes to go on by themselves');
  const cutOff = isInMidCall(log, injection) ? [...IO, ...CHECKPOINT_IO] : [];
  session.expectOnly([...injection.mayFail, ...cutOff]);
  expectNoSyncAfterFailure(log);
  if (random.chance(0.5)) await session.stop(injection.final);
  else await session.kill();
  await session.settle();
}

/** Lets strace come between a process's threads and the kernel. */
async function attach(pid: number, { inject }: Injection, log: string): Promise<ChildProcess> {
  const calls = inject.map((each) => each.slice(0, each.indexOf(':'))).join(',');
  const traced = new Set(`${calls},fdatasync,fsync`.split(','));
  const args = ['-f', '-y', '-o', log, '-e', `trace=${[...traced].join(',')}`];
  const tracer = spawn('strace', [...args, ...inject.flatMap((each) => ['-e', `inject=${each}`]), '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    let said = '';
    tracer.stderr?.on('data', (chunk) => {
      said += chunk;
      if (said.includes('attached')) resolve();
    });
    tracer.once('close', () => reject(new Error(`strace ended: ${said}`)));
  });
  return tracer;
}

async function detach(tracer: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => tracer.once('close', resolve));
  tracer.kill('SIGINT');
  await ended;
}

/** strace that lets go in the middle of a call that it was about to fail leaves it with an error of its own, ENOSYS. */
function isInMidCall(log: string, { inject }: Injection): boolean {
  const last = new Map<string, string>();
  for (const line of readFileSync(log, 'utf8').split('\n')) last.set(line.split(' ', 1)[0], line);
  const calls = inject.flatMap((each) => each.slice(0, each.indexOf(':')).split(','));
  return [...last.values()].some(
    (line) => /<(detached|unfinished) \.\.\.>$/.test(line) && calls.some((call) => line.includes(` ${call}(`)),
  );
}

/** After a failed sync the kernel may have dropped the pages: a later sync of that log would prove nothing. */
function expectNoSyncAfterFailure(log: string): void {
  const failed = new Set<string>();
  const again = new Map<string, number>();
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const path = /\b(?:fdatasync|fsync)\(\d+<([^>]*wal-\d+\.log)>/.exec(line)?.[1];
    if (path === undefined) continue;
    if (failed.has(path)) again.set(path, (again.get(path) ?? 0) + 1);
    if (line.includes('(INJECTED)')) failed.add(path);
  }
  for (const [path, times] of again) {
    // Another thread may have been about to.
    if (times > 1) throw new Error(`${path} was synced ${times} times more after a sync of it had failed`);
  }
}
