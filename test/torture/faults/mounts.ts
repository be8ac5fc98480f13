import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInNamespace } from '../namespace.js';

/** Runs a system tool; throws with what it said if it fails. */
export function tool(command: string, ...args: string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}

/** Makes an empty directory and mounts something on it. */
export function mountOn(directory: string, ...args: string[]): void {
  mkdirSync(directory, { recursive: true });
  tool('mount', ...args, directory);
}

export function unmount(directory: string): void {
  tool('umount', directory);
}

/** Why something that mounts cannot be done here; undefined where a trial in an empty directory succeeds. */
export function whyNoMounts(trial: (directory: string) => void): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (!isInNamespace()) return 'there is no mount namespace to be had: it takes root, or namespaces for users';
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-mount-'));
  try {
    trial(directory);
    return undefined;
  } catch (error) {
    return (error as Error).message.trim();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
