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
  /** Answers that wait for the disk, by LSN. */
  readonly #kept: { lsn: number; words: Uint32Array }[] = [];
  /** Failures that wait for room in the ring. */
  readonly #failed: Uint32Array[] = [];
  #groupMark = 0;
  #groupKept = 0;

  constructor(ring: RingWriter, bell: ClientBell) {
    this.#ring = ring;
    this.#bell = bell;
  }

  /** Whether any answer fits now. */
  get roomy(): boolean {
    return this.#failed.length === 0 && this.#ring.fits(WORST_WORDS);
  }

  /** Whether failures wait for the client to make room. */
  get crowded(): boolean {
    return this.#failed.length > 0;
  }

  /** Everything from here on can be taken back until it is published. */
  beginGroup(): void {
    this.#groupMark = this.#ring.mark();
    this.#groupKept = this.#kept.length;
  }

  dropGroup(): void {
    this.#ring.rewind(this.#groupMark);
    this.#kept.length = this.#groupKept;
  }

  /** LSN that the oldest kept answer waits for, or 0. */
  get waitsFor(): number {
    return this.#kept.length === 0 ? 0 : this.#kept[0].lsn;
  }

  mark(): number {
    return this.#ring.mark();
  }

  publish(): void {
    this.#ring.publish();
    this.#bell.ring();
  }

  done(call: number, status: number, ttlMs: number, expiresAtMs: number, token: number, renewals: number): void {
    const at = this.#ring.reserve(layout.DONE_BODY);
    fill(this.#ring.words, at, call, status, ttlMs, expiresAtMs, token, renewals);
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
    fill(this.#ring.words, at, call, status, ttlMs, expiresAtMs, token, renewals);
    this.#ring.bytes.set(owner, (at + layout.DONE_BODY) * 4);
    if (value === undefined) return;
    this.#ring.words[at + layout.DONE_VALUE] = value.length;
    this.#ring.bytes.set(value, (at + layout.DONE_BODY + ownerWords) * 4);
  }

  /** A request that was not carried out. */
  refused(call: number, failure: Failure): void {
    this.done(call, layout.STATUS_FAILED, layout.FAILURES.indexOf(failure), 0, 0, 0);
  }

  /** Any number of calls may fail at once: their answers are given by {@link giveWaiting}, as the ring has room. */
  failed(call: number, failure: Failure, unknown: boolean): void {
    const words = new Uint32Array(layout.DONE_BODY);
    const status = layout.STATUS_FAILED | ((unknown ? OUTCOME_UNKNOWN : 0) << 8);
    fill(words, 0, call, status, layout.FAILURES.indexOf(failure), 0, 0, 0);
    this.#failed.push(words);
  }

  /** Takes the answer written since `mark` back, to give it once the log is durable up to `lsn`. */
  keep(mark: number, lsn: number, words: number): void {
    this.#ring.rewind(mark);
    const at = this.#ring.reserve(words);
    this.#kept.push({ lsn, words: this.#ring.words.slice(at, at + words) });
    this.#ring.rewind(mark);
  }

  /** Gives the failures, and the answers that waited for `lsn` or less; those that do not fit now wait on. */
  giveWaiting(lsn: number): boolean {
    if (this.#failed.length === 0 && this.#kept.length === 0) return false;
    let failures = 0;
    while (failures < this.#failed.length && this.#give(this.#failed[failures])) failures++;
    this.#failed.splice(0, failures);
    let kept = 0;
    while (kept < this.#kept.length && this.#kept[kept].lsn <= lsn && this.#give(this.#kept[kept].words)) kept++;
    this.#kept.splice(0, kept);
    return failures + kept > 0;
  }

  /** Turns every kept answer into a failure, as after a sync that failed. */
  failKept(failure: Failure): void {
    for (const { words } of this.#kept.splice(0)) this.failed(words[layout.DONE_CALL], failure, true);
  }

  #give(words: Uint32Array): boolean {
    if (!this.#ring.fits(words.length)) return false;
    const at = this.#ring.reserve(words.length);
    for (let i = 1; i < words.length; i++) this.#ring.words[at + i] = words[i];
    return true;
  }
}

function fill(
  words: Uint32Array,
  at: number,
  call: number,
  status: number,
  ttlMs: number,
  expiresAtMs: number,
  token: number,
  renewals: number,
): void {
  words[at + layout.DONE_CALL] = call;
  words[at + layout.DONE_STATUS] = status;
  words[at + layout.DONE_TTL] = ttlMs;
  setU53(words, at + layout.DONE_EXPIRES, expiresAtMs);
  setU53(words, at + layout.DONE_TOKEN, token);
  words[at + layout.DONE_RENEWALS] = renewals;
  words[at + layout.DONE_VALUE] = 0;
}
