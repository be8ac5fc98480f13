import { LeaseStoreError } from '../errors.js';

/** Lets writes pass side by side, and now and then something that must have none beside it. */
export class WriteGate {
  #passing = 0;
  #shut: Promise<void> | undefined;
  #waiting: (() => void)[] = [];

  /** Runs a write, once the gate is open. */
  async pass<T>(write: () => Promise<T>): Promise<T> {
    while (this.#shut !== undefined) await this.#shut;
    this.#passing++;
    try {
      return await write();
    } finally {
      this.#passing--;
      if (this.#passing === 0) for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  /**
   * Lets writes that have begun end, holds further ones back, and runs `work` meanwhile; one at a time. The gate opens
   * after `msMax` at the latest: then the call fails, and `work`, which may still be running, learns of it when it asks.
   */
  async closedWhile(msMax: number, work: (checkInTime: () => void) => Promise<void>): Promise<void> {
    let open = (): void => {};
    this.#shut = new Promise((resolve) => {
      open = resolve;
    });
    let late = false;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        late = true;
        reject(timedOut(msMax));
      }, msMax);
    });
    try {
      const done = this.settled().then(() => {
        if (late) throw timedOut(msMax);
        return work(() => {
          if (late) throw timedOut(msMax);
        });
      });
      await Promise.race([done, tooLate]);
    } finally {
      clearTimeout(timer);
      this.#shut = undefined;
      open();
    }
  }

  /** Resolves once no write is under way. */
  async settled(): Promise<void> {
    while (this.#passing > 0) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}

function timedOut(msMax: number): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_OVERLOADED',
    `the stores did not settle within ${msMax} ms, so nothing was moved and writes go on; see the metrics of the mirror, ` +
      'and try again',
    { retryable: true },
  );
}
