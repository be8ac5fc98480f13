import { spawnSync } from 'node:child_process';

const INSIDE = 'HOLDFAST_TORTURE_NAMESPACE';

/**
 * Starts this program over in a mount namespace of its own and answers true once that has ended, or false if this is
 * the one to run: it is inside already, or there is no such namespace to be had. What is mounted inside goes when the
 * program does, however it ends.
 */
export function inOwnNamespace(): boolean {
  if (process.env[INSIDE] !== undefined || process.platform !== 'linux') return false;
  const unshare = ['unshare', '--mount', '--propagation', 'private'];
  const [command, ...args] = process.getuid?.() === 0 ? unshare : [...unshare, '--user', '--map-root-user'];
  if (spawnSync(command, [...args, 'true'], { stdio: 'ignore' }).status !== 0) return false;
  const { status, signal } = spawnSync(command, [...args, process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  process.exitCode = signal === null ? (status ?? 1) : 1;
  return true;
}

/** Whether mounts are this program's own affair. */
export function isInNamespace(): boolean {
  return process.env[INSIDE] !== undefined;
}
