import { OWNER_BYTES_MAX, VALUE_BYTES_MAX } from '../../native-layout/format.js';
import * as layout from '../../native-layout/mailbox.js';
import { setU53 } from '../../native-layout/lease-record.js';
import type { ClientBell } from '../mailbox/client-bell.js';
import type { RingWriter } from '../mailbox/ring.js';

/** Words of the longest completion: a refusal that brings the lease of the holder. */
const WORST_WORDS = layout.DONE_BODY + layout.paddedWords(OWNER_BYTES_MAX) + layout.paddedWords(VALUE_BYTES_MAX);

export type Failure = (typeof layout.FAILURES)[number];

/** Set beside STATUS_FAILED where the operation may have happened all the same. */
export const OUTCOME_UNKNOWN = 1;

/**
 * Answers of one shard to one client. What is written becomes visible with {@link publish}, after the commit that it
 * speaks of; an answer that must wait for the disk is kept back until the log is durable up to its LSN.
 */
export class Completions {
  readonly #ring: RingWriter;
  readonly #bell: ClientBell;
  readonly #kept: { lsn: number; words: Uint32Array }[] = [];

  constructor(ring: RingWriter, bell: ClientBell) {
    this.#ring = ring;
    this.#bell = bell;
  }

  /** Whether any answer fits now. */
  get roomy(): boolean {
    return this.#ring.fits(WORST_WORDS);
  }

  /** LSN that the oldest kept answer waits for, or 0. */
  get waitsFor(): number {
    return this.#kept.length === 0 ? 0 : this.#kept[0].lsn;
  }

  mark(): number {
    return this.#ring.mark();
  }

  rewind(mark: number): void {
    this.#ring.rewind(mark);
  }

  publish(): void {
    this.#ring.publish();
    this.#bell.ring();
  }

  done(call: number, status: number, ttlMs: number, expiresAtMs: number, token: number, renewals: number): void {
    const at = this.#ring.reserve(layout.DONE_BODY);
    this.#fill(at, call, status, ttlMs, expiresAtMs, token, renewals);
  }

  /** The lease that stands in the way. */
  held(
    call: number,
    owner: Uint8Array,
    ttlMs: number,
    expiresAtMs: number,
    token: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    const ownerWords = layout.paddedWords(owner.length);
    const valueWords = value === undefined ? 0 : layout.paddedWords(value.length);
    const at = this.#ring.reserve(layout.DONE_BODY + ownerWords + valueWords);
    const flags = value === undefined ? 0 : layout.FLAG_VALUE;
    const status = layout.STATUS_HELD | (flags << 8) | (owner.length << 16);
    this.#fill(at, call, status, ttlMs, expiresAtMs, token, renewals);
    this.#ring.bytes.set(owner, (at + layout.DONE_BODY) * 4);
    if (value === undefined) return;
    this.#ring.words[at + layout.DONE_VALUE] = value.length;
    this.#ring.bytes.set(value, (at + layout.DONE_BODY + ownerWords) * 4);
  }

  failed(call: number, failure: Failure, unknown: boolean): void {
    const status = layout.STATUS_FAILED | ((unknown ? OUTCOME_UNKNOWN : 0) << 8);
    this.done(call, status, layout.FAILURES.indexOf(failure), 0, 0, 0);
  }

  /** Takes the answer written since `mark` back, to give it once the log is durable up to `lsn`. */
  keep(mark: number, lsn: number, words: number): void {
    this.#ring.rewind(mark);
    const at = this.#ring.reserve(words);
    this.#kept.push({ lsn, words: this.#ring.words.slice(at, at + words) });
    this.#ring.rewind(mark);
  }

  /** Gives the answers that waited for `lsn` or less; those that do not fit now wait on. */
  releaseKept(lsn: number): boolean {
    let given = 0;
    while (given < this.#kept.length && this.#kept[given].lsn <= lsn && this.#ring.fits(this.#kept[given].words.length)) {
      this.#give(this.#kept[given++].words);
    }
    this.#kept.splice(0, given);
    return given > 0;
  }

  /** Turns every kept answer into a failure, as after a sync that failed. */
  failKept(failure: Failure): void {
    for (const { words } of this.#kept.splice(0)) this.failed(words[layout.DONE_CALL], failure, true);
  }

  #give(words: Uint32Array): void {
    const at = this.#ring.reserve(words.length);
    for (let i = 1; i < words.length; i++) this.#ring.words[at + i] = words[i];
  }

  #fill(
    at: number,
    call: number,
    status: number,
    ttlMs: number,
    expiresAtMs: number,
    token: number,
    renewals: number,
  ): void {
    const words = this.#ring.words;
    words[at + layout.DONE_CALL] = call;
    words[at + layout.DONE_STATUS] = status;
    words[at + layout.DONE_TTL] = ttlMs;
    setU53(words, at + layout.DONE_EXPIRES, expiresAtMs);
    setU53(words, at + layout.DONE_TOKEN, token);
    words[at + layout.DONE_RENEWALS] = renewals;
    words[at + layout.DONE_VALUE] = 0;
  }
}
