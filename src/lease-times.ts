/**
 * When a lease was acquired. A token is the wall clock in microseconds at the time of the grant, or a little ahead of it
 * where tokens had to hurry; the deadline tells when the lease was granted or renewed last, and it was acquired no later.
 */
export function acquiredAtMs(token: number, expiresAtMs: number, ttlMs: number): number {
  return Math.min(Math.floor(token / 1000), expiresAtMs - ttlMs);
}
