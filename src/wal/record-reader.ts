import {
  ID_BYTES_MAX,
  OWNER_BYTES_MAX,
  TYPE_BYTES_MAX,
  UUID_TEXT_BYTES,
  VALUE_BYTES_MAX,
} from '../../native-layout/format.js';
import { u53 } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/wal-frame.js';
import { Key } from '../key.js';
import type { RemoveReason, ShiftMode } from './frame-builder.js';
import type { RecordRun } from './record-run.js';

/**
 * What a log says, record by record, in LSN order unless another is asked for. Keys, owners and values are views that
 * the next record overwrites.
 */
export interface RecordVisitor {
  grant(
    lsn: number,
    key: Key,
    owner: Uint8Array,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void;
  /** `value` is undefined where the renewal left it as it was. */
  renew(
    lsn: number,
    key: Key,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void;
  remove(lsn: number, key: Key, token: number, reason: RemoveReason): void;
  /** `ms` is a distance in mode 'extend', an instant in mode 'full-ttl'. */
  shift(lsn: number, mode: ShiftMode, ms: number): void;
  ceiling(lsn: number, token: number): void;
}

/** Why a record cannot be read, and where in its file it is. */
export interface RecordFailure {
  readonly offset: number;
  readonly why: string;
}

/** High words of numbers past 2^53 - 1 are above this. */
const HIGH_WORD_MAX = 0x1fffff;

/** Thrown and caught within this module; anything else that a visitor throws passes through. */
class BadRecord extends Error {}

/** Decodes records in place. Every length is checked against what is there before it is believed. */
export class RecordReader {
  readonly #visitor: RecordVisitor;
  readonly #run: RecordRun | undefined;
  readonly #key = new Key();
  #owner = new Uint8Array(0);
  #words: Uint32Array = new Uint32Array(0);
  #bytes: Uint8Array = new Uint8Array(0);
  /** Of the record that is being read. */
  #offset = 0;

  /**
   * With a run, records are put aside in it and visited in the order of the tree: when it is full, before a record that
   * speaks of all leases, and at {@link flush}.
   */
  constructor(visitor: RecordVisitor, run?: RecordRun) {
    this.#visitor = visitor;
    this.#run = run;
  }

  /**
   * Visits those of `count` records in `words[at, end)` that come after `fromLsn`; the first has `firstLsn`, and lies at
   * `offset` in its file. `bytes` are the same memory. Answers why it stopped, if it did.
   */
  read(
    words: Uint32Array,
    bytes: Uint8Array,
    at: number,
    end: number,
    count: number,
    firstLsn: number,
    fromLsn: number,
    offset: number,
  ): RecordFailure | undefined {
    this.#words = words;
    this.#bytes = bytes;
    return this.#orFailure(() => {
      let start = at;
      for (let i = 0; i < count; i++) {
        this.#offset = offset + (start - at) * 4;
        if (start + layout.RECORD_WORDS > end) throw new BadRecord('the frame ends before its last record');
        const next = start + layout.recordWords(words[start + layout.RECORD_HEAD]);
        if (next < start + layout.RECORD_WORDS || next > end) throw new BadRecord('a record of impossible length');
        if (firstLsn + i > fromLsn) this.#take(firstLsn + i, start, next);
        start = next;
      }
      this.#offset = offset + (start - at) * 4;
      if (start !== end) throw new BadRecord('the frame goes on behind its last record');
    });
  }

  /** Visits what was put aside. */
  flush(): RecordFailure | undefined {
    return this.#orFailure(() => this.#visitRun());
  }

  #orFailure(step: () => void): RecordFailure | undefined {
    try {
      step();
    } catch (error) {
      if (error instanceof BadRecord) return { offset: this.#offset, why: error.message };
      throw error;
    }
    return undefined;
  }

  #take(lsn: number, start: number, end: number): void {
    const kind = layout.recordKind(this.#words[start + layout.RECORD_HEAD]);
    const run = this.#run;
    if (run !== undefined && isOfOneKey(kind)) {
      if (!run.hasRoom(end - start)) this.#visitRun();
      const keyAt = start + (kind === layout.REMOVE ? layout.RECORD_WORDS : layout.LEASE_RECORD_WORDS);
      run.add(this.#words, start, end, keyAt, lsn, this.#offset);
      return;
    }
    if (kind === layout.SHIFT) this.#visitRun();
    this.#visit(lsn, start, end);
  }

  #visitRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    const [words, bytes, offset] = [this.#words, this.#bytes, this.#offset];
    this.#words = run.words;
    this.#bytes = run.bytes;
    for (const i of run.order()) {
      this.#offset = run.offset(i);
      this.#visit(run.lsn(i), run.start(i), run.end(i));
    }
    run.clear();
    this.#words = words;
    this.#bytes = bytes;
    this.#offset = offset;
  }

  #visit(lsn: number, start: number, end: number): void {
    const head = this.#words[start + layout.RECORD_HEAD];
    const flags = layout.recordFlags(head);
    const number = this.#number(start + layout.RECORD_NUMBER);
    switch (layout.recordKind(head)) {
      case layout.RENEW:
      case layout.GRANT:
        this.#visitLease(lsn, start, end, number);
        return;
      case layout.REMOVE: {
        allowFlags(flags, layout.REMOVED_EXPIRED);
        expectEnd(this.#readKey(start + layout.RECORD_WORDS, end), end);
        this.#visitor.remove(lsn, this.#key, number, flags === 0 ? 'released' : 'expired');
        return;
      }
      case layout.SHIFT:
        allowFlags(flags, layout.SHIFT_FULL_TTL);
        expectEnd(start + layout.RECORD_WORDS, end);
        this.#visitor.shift(lsn, flags === 0 ? 'extend' : 'full-ttl', number);
        return;
      case layout.CEILING:
        allowFlags(flags, 0);
        expectEnd(start + layout.RECORD_WORDS, end);
        this.#visitor.ceiling(lsn, number);
        return;
      default:
        throw new BadRecord(`a record of unknown kind ${layout.recordKind(head)}`);
    }
  }

  #visitLease(lsn: number, start: number, end: number, token: number): void {
    const w = this.#words;
    if (start + layout.LEASE_RECORD_WORDS > end) throw new BadRecord('a lease cut short');
    const head = w[start + layout.RECORD_HEAD];
    const flags = layout.recordFlags(head);
    allowFlags(flags, layout.HAS_VALUE);
    const expiresAtMs = this.#number(start + layout.LEASE_EXPIRES);
    const ttlMs = w[start + layout.LEASE_RECORD_TTL];
    const renewals = w[start + layout.LEASE_RECORD_RENEWALS];
    const sizes = w[start + layout.LEASE_SIZES];
    const ownerBytes = layout.ownerBytesOf(sizes);
    const valueBytes = layout.valueBytesOf(sizes);
    const isGrant = layout.recordKind(head) === layout.GRANT;
    if (isGrant ? ownerBytes === 0 || ownerBytes > OWNER_BYTES_MAX : ownerBytes !== 0) {
      throw new BadRecord('an owner of impossible length');
    }
    if (valueBytes > (flags === 0 ? 0 : VALUE_BYTES_MAX)) throw new BadRecord('a value of impossible length');
    const ownerAt = this.#readKey(start + layout.LEASE_RECORD_WORDS, end);
    const valueAt = ownerAt + layout.paddedWords(ownerBytes);
    expectEnd(valueAt + layout.paddedWords(valueBytes), end);
    const value = flags === 0 ? undefined : this.#bytes.subarray(valueAt * 4, valueAt * 4 + valueBytes);
    if (isGrant) {
      const owner = this.#ownerAt(ownerAt * 4, ownerBytes);
      this.#visitor.grant(lsn, this.#key, owner, token, expiresAtMs, ttlMs, renewals, value);
    } else {
      this.#visitor.renew(lsn, this.#key, token, expiresAtMs, ttlMs, renewals, value);
    }
  }

  /** The owner's bytes; owners repeat, and a copy of the last one is cheaper than a view of each. */
  #ownerAt(at: number, length: number): Uint8Array {
    const bytes = this.#bytes;
    const last = this.#owner;
    let same = last.length === length;
    for (let i = 0; same && i < length; i++) same = last[i] === bytes[at + i];
    if (!same) this.#owner = bytes.slice(at, at + length);
    return this.#owner;
  }

  #number(at: number): number {
    if (this.#words[at + 1] > HIGH_WORD_MAX) throw new BadRecord('a number past 2^53');
    return u53(this.#words, at);
  }

  /** Fills the key from the block at word `at`; answers the word behind it. */
  #readKey(at: number, end: number): number {
    const w = this.#words;
    if (at >= end) throw new BadRecord('a key cut short');
    const head = w[at];
    const typeBytes = layout.typeBytesOf(head);
    const idBytes = layout.idBytesOf(head);
    const packed = layout.packedFlagOf(head);
    if (typeBytes === 0 || typeBytes > TYPE_BYTES_MAX || idBytes === 0 || idBytes > ID_BYTES_MAX) {
      throw new BadRecord('a key of impossible length');
    }
    if (packed > 1 || (packed === 1 && idBytes !== UUID_TEXT_BYTES))
      throw new BadRecord('a key packed in an unknown way');
    const idAt = at + layout.RECORD_KEY_ID;
    const typeAt = idAt + (packed === 1 ? layout.RECORD_UUID_WORDS : layout.paddedWords(idBytes));
    const behind = typeAt + layout.paddedWords(typeBytes);
    if (behind > end) throw new BadRecord('a key cut short');
    const key = this.#key;
    this.#copyText(typeAt * 4, typeBytes, 0);
    key.bytes[typeBytes] = 0;
    if (packed === 1) {
      key.appendUuid(typeBytes + 1, w[idAt], w[idAt + 1], w[idAt + 2], w[idAt + 3]);
    } else {
      this.#copyText(idAt * 4, idBytes, typeBytes + 1);
      key.setLength(typeBytes + 1 + idBytes);
    }
    return behind;
  }

  #copyText(from: number, length: number, to: number): void {
    const source = this.#bytes;
    const target = this.#key.bytes;
    for (let i = 0; i < length; i++) {
      const byte = source[from + i];
      if (byte === 0) throw new BadRecord('a NUL within a key');
      target[to + i] = byte;
    }
  }
}

function isOfOneKey(kind: number): boolean {
  return kind === layout.RENEW || kind === layout.GRANT || kind === layout.REMOVE;
}

function allowFlags(flags: number, allowed: number): void {
  if ((flags & ~allowed) !== 0) throw new BadRecord('a record with unknown flags');
}

function expectEnd(at: number, end: number): void {
  if (at !== end) throw new BadRecord('a record whose length and content disagree');
}
