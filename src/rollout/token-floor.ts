import { acquiredAtMs } from '../lease-times.js';
import type { Acquired } from '../lease.js';
import type { AsyncLeaseStore } from '../lease-store.js';

/** Keeps tokens rising for keys that move from one store to another. */
export class TokenFloor<V> {
  /** Above every token that was seen from either store. */
  #high = 0;
  #floor = 0;

  saw(token: number): void {
    if (token > this.#high) this.#high = token;
  }

  /** Keys have moved: what is granted from now on must be above all that was seen. */
  raise(): void {
    this.#floor = this.#high;
  }

  /**
   * A store that took keys over grants above what it holds of them. A key that was free when it moved tells it nothing
   * of the tokens that were given before: those follow the clock, and where they do not, the grant is raised.
   */
  async above(store: AsyncLeaseStore<V>, outcome: Acquired<V>): Promise<Acquired<V>> {
    if (!outcome.ok) return outcome;
    let { lease } = outcome;
    if (lease.token <= this.#floor) {
      const token = this.#floor + 1;
      lease = { ...lease, token, acquiredAtMs: acquiredAtMs(token, lease.expiresAtMs, lease.ttlMs) };
      await store.import([lease]);
    }
    this.saw(lease.token);
    return { ok: true, lease };
  }
}
