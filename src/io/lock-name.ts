/**
 * Names of lock files: `lock.<ticket>.<pid>.<nonce>.sock`, each the listening socket of one process that has the
 * directory open or wants to. Who comes later takes a higher ticket. The pid is in the name because a stopped process
 * answers a connection (the kernel does it) but can tell nothing; the nonce, because in two containers two processes
 * have one pid.
 */
export interface LockName {
  readonly ticket: number;
  /** As numbered in the pid namespace of the process itself. */
  readonly pid: number;
  /** Eight hex digits. */
  readonly nonce: string;
}

export const TICKET_MAX = 999_999_999_999_999;
const PATTERN = /^lock\.([0-9]{1,15})\.([0-9]{1,10})\.([0-9a-f]{8})\.sock$/;

export function formatLockName({ ticket, pid, nonce }: LockName): string {
  return `lock.${ticket}.${pid}.${nonce}.sock`;
}

/** The parts of a lock file's name; undefined for the name of anything else. */
export function parseLockName(name: string): LockName | undefined {
  const match = PATTERN.exec(name);
  return match === null ? undefined : { ticket: Number(match[1]), pid: Number(match[2]), nonce: match[3]! };
}

/** Who steps back for whom: earlier tickets first. */
export function compareLockNames(a: LockName, b: LockName): number {
  if (a.ticket !== b.ticket) return a.ticket - b.ticket;
  return formatLockName(a) < formatLockName(b) ? -1 : 1;
}
