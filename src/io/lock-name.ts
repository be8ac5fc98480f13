/**
 * Names of lock files: `lock.<ticket>.<pid>.sock`, each the listening socket of one process that has the directory open
 * or wants to. Only one who wants it later takes a higher ticket. The pid is in the name because a stopped process
 * answers a connection (the kernel does) but can tell nothing.
 */
export interface LockName {
  readonly ticket: number;
  /** As seen in the pid namespace of the process itself. */
  readonly pid: number;
}

const PATTERN = /^lock\.([0-9]{1,15})\.([0-9]{1,10})\.sock$/;

export function formatLockName({ ticket, pid }: LockName): string {
  return `lock.${ticket}.${pid}.sock`;
}

/** The parts of a lock file's name; undefined for the name of anything else. */
export function parseLockName(name: string): LockName | undefined {
  const match = PATTERN.exec(name);
  return match === null ? undefined : { ticket: Number(match[1]), pid: Number(match[2]) };
}
