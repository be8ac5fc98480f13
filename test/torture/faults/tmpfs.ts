import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Ordeal } from './fault.js';
import { isFailure, isGrant, isRead } from './heard.js';
import { mountOn, unmount, whyNoMounts } from './mounts.js';

const ROUNDS = 2;
const ONLY_FULL = [
  'ERR_HOLDFAST_DISK_FULL not-applied',
  // Where other shards carried out their part of a `releaseOwner`.
  'ERR_HOLDFAST_DISK_FULL unknown',
  'checkpoint ERR_HOLDFAST_DISK_FULL not-applied',
];

/** A file system that is really full, and has room again later. */
export const tmpfs: Fault = {
  name: 'tmpfs',
  what: 'a full disk that is freed again',
  unavailable: () =>
    whyNoMounts((directory) => {
      mountTmpfs(directory);
      unmount(directory);
    }),
  async run(ordeal: Ordeal): Promise<void> {
    const mount = join(ordeal.scratch, 'tmpfs');
    mountTmpfs(mount);
    try {
      await fillAndFree(ordeal, mount);
    } finally {
      await ordeal.sessionsEnd();
      unmount(mount);
    }
  },
};

async function fillAndFree({ random, session: newSession }: Ordeal, mount: string): Promise<void> {
  const session = newSession({ directory: join(mount, 'store') });
  let tortured = await session.open();
  for (let round = 0; round < ROUNDS; round++) {
    await session.pause(20, 200);
    const filler = fill(mount);
    await tortured.next((event) => isFailure(event, 'ERR_HOLDFAST_DISK_FULL'), 'the disk to be full');
    await tortured.times(5, isRead, 'reads to go on');
    session.expectOnly(ONLY_FULL);
    if (random.chance(0.4)) {
      // Nobody may have room to open it, and then that must be said; nothing must be lost by trying.
      await session.kill();
      const attempt = session.start();
      const opened = await attempt.next(({ e }) => e === 'audited' || e === 'refused', 'an opening on a full disk');
      if (opened.e === 'refused') {
        if (opened.failure.code !== 'ERR_HOLDFAST_DISK_FULL') throw new Error(`refused: ${JSON.stringify(opened)}`);
        await attempt.ended();
        session.crashed('process');
      } else await session.kill();
      rmSync(filler);
      tortured = await session.open();
    } else {
      await sleep(random.between(0, 500));
      rmSync(filler);
      await tortured.times(20, isGrant, 'writes to go on by themselves');
    }
  }
  if (random.chance(0.5)) await session.stop();
  else await session.kill();
  await session.settle();
}

function mountTmpfs(directory: string): void {
  mountOn(directory, '-t', 'tmpfs', '-o', 'size=24m', 'holdfast-torture');
}

/** Takes every byte that is left. */
function fill(mount: string): string {
  const path = join(mount, 'filler');
  const fd = openSync(path, 'w');
  try {
    for (let bytes = 1 << 20; bytes >= 512; bytes >>= 1) while (wrote(fd, Buffer.alloc(bytes)));
  } finally {
    closeSync(fd);
  }
  return path;
}

function wrote(fd: number, bytes: Buffer): boolean {
  try {
    return writeSync(fd, bytes) === bytes.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
