import { TOKEN_LEAD } from '../../native-layout/format.js';

/**
 * Fencing tokens of one shard: the wall clock in microseconds, or one more than the last, whichever is greater. A
 * token may only be handed out below a ceiling that is on the disk, so that no crash can make one be given twice.
 */
export class TokenSource {
  #last: number;
  #ceiling: number;
  /** A ceiling that is in the log but perhaps not on the disk yet. */
  #wanted = 0;
  #wantedLsn = 0;

  /** Starts above `floor`: every token and every ceiling that recovery met. */
  constructor(floor: number) {
    this.#last = floor;
    this.#ceiling = floor;
  }

  /** The highest token handed out. */
  get last(): number {
    return this.#last;
  }

  get ceiling(): number {
    return this.#ceiling;
  }

  next(nowMs: number): number {
    const clock = Math.floor(nowMs * 1000);
    this.#last = clock > this.#last ? clock : this.#last + 1;
    return this.#last;
  }

  /** Takes note of a token that came from elsewhere, as by an import. */
  raise(token: number): void {
    if (token > this.#last) this.#last = token;
  }

  /** The ceiling to log now, or 0: half of the lead is used up and no new ceiling is on its way. */
  get due(): number {
    return this.#wanted === 0 && this.#last > this.#ceiling - TOKEN_LEAD / 2 ? this.#last + TOKEN_LEAD : 0;
  }

  /** `ceiling` was logged at `lsn`. */
  logged(ceiling: number, lsn: number): void {
    this.#wanted = ceiling;
    this.#wantedLsn = lsn;
  }

  /** The log is on the disk up to `lsn`. */
  durable(lsn: number): void {
    if (this.#wanted === 0 || lsn < this.#wantedLsn) return;
    this.#ceiling = this.#wanted;
    this.#wanted = 0;
  }

  /** Whether what was handed out is beyond what the disk knows of: the group must be synced before it is seen. */
  get uncovered(): boolean {
    return this.#last > this.#ceiling;
  }

  /** What was logged after `lsn` was given up. Tokens that went with it stay used up: some may be on the disk all the same. */
  forgetAfter(lsn: number): void {
    if (this.#wantedLsn > lsn) this.#wanted = 0;
  }
}
