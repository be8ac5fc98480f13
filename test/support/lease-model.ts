import * as assert from 'uvu/assert';
import * as mail from '../../native-layout/mailbox.js';
import type { LeaseRecord } from '../../src/engines/semantics/lease-record.js';
import { type Decision, decide, type Operation, type Tokens } from '../../src/engines/semantics/rules.js';
import type { Answer } from './shard-driver.js';
import type { StoredLease } from './stored-leases.js';

/** Status of each refusal, as it travels. */
const STATUS = {
  held: mail.STATUS_HELD,
  changed: mail.STATUS_CHANGED,
  expired: mail.STATUS_EXPIRED,
  superseded: mail.STATUS_SUPERSEDED,
  unknown: mail.STATUS_UNKNOWN,
} as const;

/**
 * What a shard holds according to the rules of leases that all engines share, kept in a map. It is told each operation
 * with the shard's answer, in order; a granted token is taken from the shard once it is seen to rise.
 */
export class LeaseModel implements Tokens {
  readonly records = new Map<string, LeaseRecord>();
  /** The highest token ever handed out or imported. */
  token = 0;
  #granted = 0;

  next(): number {
    assert.ok(this.#granted > this.token, `token ${this.#granted} is above ${this.token}`);
    this.token = this.#granted;
    return this.#granted;
  }

  raise(token: number): void {
    this.token = Math.max(this.token, token);
  }

  /** Checks the answer that the shard gave, and does the same. */
  apply(operation: Operation, nowMs: number, answer: Answer, where: string): void {
    this.#granted = answer.token;
    const { key } = operation;
    const { token: tokenBefore } = this;
    let decision = decide(operation, this.records.get(key), nowMs, this);
    if (statusOf(decision) !== answer.status && (this.records.get(key)?.expiresAtMs ?? nowMs) <= nowMs) {
      // The lease has expired, and the shard may have swept it meanwhile.
      this.records.delete(key);
      this.token = tokenBefore;
      decision = decide(operation, undefined, nowMs, this);
    }
    const { answer: expected, change } = decision;
    assert.is(answer.status, statusOf(decision), `${where}: ${operation.kind} ${key}`);
    if (!expected.ok && expected.reason === 'held') {
      const { owner, token, expiresAtMs, ttlMs, renewals, value } = answer;
      assert.equal({ owner, token, expiresAtMs, ttlMs, renewals, value }, storedLease(expected.current), where);
    }
    if (change === undefined) return;
    if (change.kind === 'remove') {
      this.records.delete(key);
      return;
    }
    this.records.set(key, change.record);
    const { token, expiresAtMs, renewals } = change.record;
    if (operation.kind === 'import') return;
    assert.equal([answer.token, answer.expiresAtMs, answer.renewals], [token, expiresAtMs, renewals], where);
  }

  /** Takes the leases of some keys as they were found: nobody knows what became of operations on them. */
  adopt(keys: Iterable<string>, found: ReadonlyMap<string, StoredLease>): void {
    for (const key of keys) {
      const lease = found.get(key);
      if (lease === undefined) this.records.delete(key);
      else {
        const value = lease.value === undefined ? undefined : Buffer.from(lease.value);
        this.records.set(key, { ...lease, value });
        this.raise(lease.token);
      }
    }
  }

  /** The shard may have swept any lease whose deadline has passed, and no other. */
  expectSame(found: ReadonlyMap<string, StoredLease>, nowMs: number, where: string): void {
    for (const [key, record] of this.records) {
      const lease = found.get(key);
      if (lease === undefined) assert.ok(record.expiresAtMs <= nowMs, `${where}: ${key} is gone`);
      else assert.equal(lease, storedLease(record), `${where}: ${key}`);
    }
    for (const key of found.keys()) assert.ok(this.records.has(key), `${where}: ${key} came from nowhere`);
  }
}

function statusOf({ answer }: Decision): number {
  return answer.ok ? mail.STATUS_OK : STATUS[answer.reason];
}

export function storedLease(record: LeaseRecord): StoredLease {
  const { owner, token, expiresAtMs, ttlMs, renewals, value } = record;
  return {
    owner,
    token,
    expiresAtMs,
    ttlMs,
    renewals,
    value: value === undefined ? undefined : Buffer.from(value).toString(),
  };
}
