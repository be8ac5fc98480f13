import * as mail from '../../native-layout/mailbox.js';
import { Key } from '../key.js';
import { AT, type Counters } from '../metrics/counters.js';
import type { LeaseTable } from '../table/lease-table.js';
import type { KeyRun } from '../tree/key-run.js';
import type { FrameBuilder } from '../wal/frame-builder.js';
import type { Completions } from './completions.js';
import type { MemoryGuard } from './memory-guard.js';
import type { Repack } from './repack.js';
import type { Request } from './requests.js';
import type { Sweep } from './sweep.js';
import type { TokenSource } from './tokens.js';

export interface GrantParts {
  readonly table: LeaseTable;
  readonly tokens: TokenSource;
  readonly frame: FrameBuilder;
  readonly completions: Completions;
  readonly counters: Counters;
  readonly memory: MemoryGuard;
  readonly sweep: Sweep;
  readonly repack: Repack;
}

/**
 * The rules of leases: decides each request as of an instant, and where it may have its way, changes the table and adds the
 * record to the frame that makes it so. Every request is answered.
 */
export class Grants {
  readonly #p: GrantParts;
  readonly #key = new Key();
  #renewedLast = true;

  constructor(parts: GrantParts) {
    this.#p = parts;
  }

  renew(request: Request, nowMs: number): void {
    const { table, frame, completions, counters } = this.#p;
    const key = request.readKey(this.#key);
    const status = this.#judge(this.#findForRenewal(key), request.token, nowMs);
    this.#renewedLast = status === mail.STATUS_OK;
    if (status !== mail.STATUS_OK) {
      counters.add(AT.refused, 1);
      completions.done(request.call, status, 0, 0, 0, 0);
      return;
    }
    const { token } = request;
    const ttlMs = request.has(mail.FLAG_TTL) ? request.ttlMs : table.ttlMs;
    const expiresAtMs = Math.ceil(nowMs) + ttlMs;
    const renewals = (table.renewals + 1) >>> 0;
    const value = request.value;
    if (value !== undefined && !this.#p.memory.allowsGrowth(value.length)) {
      completions.refused(request.call, 'ERR_HOLDFAST_FULL');
      return;
    }
    table.renew(key, expiresAtMs, ttlMs, renewals, value);
    frame.renew(key, token, expiresAtMs, ttlMs, renewals, value);
    counters.add(AT.renewed, 1);
    this.#p.sweep.expect(expiresAtMs);
    completions.done(request.call, mail.STATUS_OK, ttlMs, expiresAtMs, token, renewals);
  }

  /**
   * What is copied for a renewal that is then refused is wasted, and kept for as long as a reader looks at what it was a
   * copy of. A node that lost its leases has all its renewals refused, one after the other.
   */
  #findForRenewal(key: Key): boolean {
    const { table } = this.#p;
    return this.#renewedLast ? table.findForRenewal(key) : table.find(key);
  }

  release(request: Request, nowMs: number): void {
    const { table, frame, completions, counters } = this.#p;
    const key = request.readKey(this.#key);
    const status = this.#judge(table.find(key), request.token, nowMs);
    if (status === mail.STATUS_OK) {
      table.remove(key);
      frame.remove(key, request.token, 'released');
      counters.add(AT.released, 1);
    } else counters.add(AT.refused, 1);
    completions.done(request.call, status, 0, 0, 0, 0);
  }

  acquire(request: Request, nowMs: number): void {
    const { table, completions, counters, tokens } = this.#p;
    const key = request.readKey(this.#key);
    const owner = request.owner;
    const stored = table.find(key);
    const live = stored && table.expiresAtMs > nowMs;
    const wantsPrevious = request.has(mail.FLAG_PREVIOUS);
    const free = wantsPrevious ? (live ? table.token : 0) === request.token : !live || this.#isOwner(owner);
    if (!free) {
      counters.add(AT.held, 1);
      if (live) this.#answerHeld(request.call);
      else completions.done(request.call, mail.STATUS_CHANGED, 0, 0, 0, 0);
      return;
    }
    if (!this.#p.memory.allowsGrowth(request.valueBytes)) {
      completions.refused(request.call, 'ERR_HOLDFAST_FULL');
      return;
    }
    const expiresAtMs = Math.ceil(nowMs) + request.ttlMs;
    // Never at or below the stored token, whatever this shard's own clock says.
    if (stored) tokens.raise(table.token);
    const token = tokens.next(nowMs);
    this.#grant(key, stored, owner, token, expiresAtMs, request.ttlMs, 0, request.value);
    counters.add(AT.acquired, 1);
    completions.done(request.call, mail.STATUS_OK, request.ttlMs, expiresAtMs, token, 0);
  }

  import(request: Request, nowMs: number): void {
    const { table, completions, counters, tokens } = this.#p;
    const key = request.readKey(this.#key);
    const { token } = request;
    const renewals = request.importRenewals;
    const stored = table.find(key);
    // A newer grant stays, and so does the same one in a state as new.
    if (stored && (table.token > token || (table.token === token && table.renewals >= renewals))) {
      completions.done(request.call, mail.STATUS_SUPERSEDED, 0, 0, 0, 0);
      return;
    }
    if (!this.#p.memory.allowsGrowth(request.valueBytes)) {
      completions.refused(request.call, 'ERR_HOLDFAST_FULL');
      return;
    }
    tokens.raise(token);
    this.#grant(key, stored, request.owner, token, request.importExpiresAtMs, request.ttlMs, renewals, request.value);
    counters.add(AT.imported, 1);
    this.#p.repack.imported(nowMs);
    completions.done(request.call, mail.STATUS_OK, 0, 0, token, 0);
  }

  #grant(
    key: Key,
    stored: boolean,
    owner: Uint8Array,
    token: number,
    expiresAtMs: number,
    ttlMs: number,
    renewals: number,
    value: Uint8Array | undefined,
  ): void {
    const { table, frame } = this.#p;
    table.grant(key, stored, owner, token, expiresAtMs, ttlMs, renewals, value);
    frame.grant(key, owner, token, expiresAtMs, ttlMs, renewals, value);
    this.#p.sweep.expect(expiresAtMs);
  }

  /** Whether the found lease may be renewed or released by whoever has `token`. */
  #judge(found: boolean, token: number, nowMs: number): number {
    if (!found) return mail.STATUS_UNKNOWN;
    const { table } = this.#p;
    const current = table.token;
    if (token < current) return mail.STATUS_SUPERSEDED;
    if (token > current) return mail.STATUS_UNKNOWN;
    return table.expiresAtMs <= nowMs ? mail.STATUS_EXPIRED : mail.STATUS_OK;
  }

  #isOwner(owner: Uint8Array): boolean {
    const { table } = this.#p;
    return table.names.find(owner) === table.ownerRef;
  }

  #answerHeld(call: number): void {
    const { table, completions } = this.#p;
    const owner = table.names.nameOf(table.ownerRef);
    completions.held(call, owner, table.ttlMs, table.expiresAtMs, table.token, table.renewals, table.value);
  }

  /** Removes expired leases that the sweep found. */
  readonly expire = (keys: KeyRun): void => {
    const { table, frame, counters } = this.#p;
    table.removeAll(keys, (key, token) => frame.remove(key, token, 'expired'));
    counters.add(AT.expired, keys.length);
  };

  /** Removes leases for {@link OwnerReleases}. */
  readonly releaseAll = (keys: KeyRun): void => {
    const { table, frame, counters } = this.#p;
    table.removeAll(keys, (key, token) => frame.remove(key, token, 'released'));
    counters.add(AT.released, keys.length);
  };
}
