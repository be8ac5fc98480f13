import { HEALTH_CLOSED, HEALTH_DAMAGED } from '../../../native-layout/shard-control.js';
import type { LeaseStoreError } from '../../errors.js';
import type { Control } from '../../memory/control.js';

/** Keeps readers out of memory that was found damaged: no answer is better than a wrong one. */
export class Fence {
  readonly #controls: readonly Control[];
  #damage: LeaseStoreError | undefined;

  constructor(controls: readonly Control[]) {
    this.#controls = controls;
  }

  get isShut(): boolean {
    return this.#damage !== undefined;
  }

  /** `shard`: the one whose memory it is. */
  shut(shard: number, damage: LeaseStoreError): void {
    this.#damage ??= damage;
    this.#controls[shard].raise(HEALTH_DAMAGED);
    // Threads that are attached go by this.
    for (const control of this.#controls) control.raise(HEALTH_CLOSED);
  }

  expectOpen(): void {
    if (this.#damage !== undefined) throw this.#damage;
  }
}
