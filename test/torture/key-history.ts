import type { Acquired, Lease, Renewed } from '../../src/lease.js';
import type { Answer, Operation } from './events.js';

/** A lease that may be stored: exactly known, or what is known of one whose call was never answered. */
export interface Held {
  readonly owner: string;
  readonly value: string | undefined;
  readonly ttlMs: number;
  readonly renewals: number;
  /** Undefined where nobody was told: then it is some token above `tokenAbove`. */
  readonly token: number | undefined;
  readonly tokenAbove: number;
  readonly expiresMinMs: number;
  readonly expiresMaxMs: number;
}

/** What may be stored under a key, and at which event the call began that put it there. */
interface Version {
  readonly held: Held | undefined;
  readonly began: number;
}

/** A version that was followed by another, which was acknowledged at event `replaced`. */
interface Replaced extends Version {
  readonly replaced: number;
}

interface Pending {
  readonly operation: Operation;
  readonly index: number;
  readonly began: number;
  readonly beganMs: number;
}

/** What a key showed after a power cut, for the comparison with other keys. */
export interface Surviving {
  /** When the call began that made what survived; undefined where that cannot be told. */
  readonly began: number | undefined;
  /** When the first call was acknowledged that is lost; undefined if none is. */
  readonly lost: number | undefined;
}

type Success = Extract<Answer, { ok: true }>;
type Refused = Extract<Answer, { ok: false }>;

/** The store's instants are read on another thread than where it decides, and written in whole milliseconds. */
const TOLERANCE_MS = 2;

/**
 * Everything that one key may hold, given what was asked and answered. Calls on a key come one after the other, so an
 * acknowledgement leaves one possibility, and only a call without an answer leaves two.
 */
export class KeyHistory {
  readonly key: string;
  #possible: readonly Version[] = [{ held: undefined, began: 0 }];
  /** What a power cut may bring back. */
  #replaced: readonly Replaced[] = [];
  #pending: Pending | undefined;
  /** The highest token that anybody was told of. */
  tokenMax = 0;

  constructor(key: string) {
    this.key = key;
  }

  begin(operation: Operation, index: number, event: number, atMs: number): void {
    if (this.#pending !== undefined) throw new Error(`${this.key}: two calls at once`);
    this.#pending = { operation, index, began: event, beganMs: atMs };
  }

  /** `durable`: the answer says that it is on the disk. */
  end(answer: Answer, event: number, atMs: number, durable: boolean): void {
    const pending = this.#pending as Pending;
    this.#pending = undefined;
    if ('failed' in answer) {
      if (answer.failed.outcome === 'unknown') this.#mayHaveHappened(pending);
      return;
    }
    const next = answer.ok ? this.#succeeded(pending, answer, atMs) : this.#refused(pending, answer, atMs);
    if (next === undefined) {
      this.#fail(`${JSON.stringify(pending.operation)} was answered ${JSON.stringify(answer)}`);
    }
    if (answer.ok) this.#advance(next, event, durable);
  }

  /** A read in the process: it shows one of the possibilities, and decides none, for a failed log may hold more. */
  read(lease: Lease<string> | undefined, fromMs: number, toMs: number): void {
    const shows = ({ held }: Version) =>
      lease === undefined
        ? held === undefined || held.expiresMinMs <= toMs + TOLERANCE_MS
        : held !== undefined && isHeld(held, lease) && lease.expiresAtMs > fromMs - TOLERANCE_MS;
    if (this.#pending === undefined && !this.#possible.some(shows)) this.#fail(`get found ${JSON.stringify(lease)}`);
  }

  /** The process is gone, and with `power`, all that no sync had covered. */
  crash(power: boolean): void {
    if (this.#pending !== undefined) this.#mayHaveHappened(this.#pending);
    this.#pending = undefined;
    if (power) this.#possible = [...this.#replaced, ...this.#possible];
    else this.#replaced = [];
  }

  /**
   * What an opening found stored at `atMs`; it is what the store owes from now on, on the disk. But the shards sweep as
   * soon as they are open, and that need not be on the disk: what had expired may come back, expired.
   */
  found(lease: Lease<string> | undefined, live: boolean, atMs: number): Surviving {
    const shows = ({ held }: Version) =>
      lease === undefined
        ? held === undefined || held.expiresMinMs <= atMs + TOLERANCE_MS
        : held !== undefined && isHeld(held, lease) && live === lease.expiresAtMs > atMs;
    if (lease !== undefined && lease.expiresAtMs - lease.ttlMs > atMs + TOLERANCE_MS) {
      this.#fail(`at ${atMs} there is a lease of later: ${show(lease)}`);
    }
    const shown = this.#possible.filter(shows);
    if (shown.length === 0) this.#fail(`after opening at ${atMs} there is ${live ? 'live' : ''} ${show(lease)}`);
    const surviving = survivalOf(shown, this.#replaced, lease === undefined);
    const held = lease === undefined ? undefined : heldAs(lease);
    const swept = lease === undefined ? shown.flatMap((version) => expiredBy(version, atMs)) : [];
    this.#possible = [{ held, began: Math.min(...shown.map(({ began }) => began)) }, ...swept];
    this.#replaced = [];
    if (lease !== undefined) this.tokenMax = Math.max(this.tokenMax, lease.token);
    return surviving;
  }

  /** Everything acknowledged up to an event is on the disk. */
  durable(event: number): void {
    this.#replaced = this.#replaced.filter(({ replaced }) => replaced > event);
  }

  #succeeded(pending: Pending, answer: Success, atMs: number): readonly Version[] | undefined {
    const { operation, index, began, beganMs } = pending;
    switch (operation.kind) {
      case 'acquire': {
        const { lease } = answer as Acquired<string> & { ok: true };
        const may = this.#possible.some(({ held }) => mayBeGranted(held, operation.owner, atMs));
        const { owner, ttlMs, value } = operation;
        const asked = lease.owner === owner && lease.ttlMs === ttlMs && lease.value === value && lease.renewals === 0;
        if (!may || !asked || lease.token <= this.tokenMax) return undefined;
        if (!inTime(lease.expiresAtMs, ttlMs, beganMs, atMs)) return undefined;
        this.tokenMax = lease.token;
        return [{ held: heldAs(lease), began }];
      }
      case 'renew': {
        const { expiresAtMs } = answer as Renewed & { ok: true };
        const token = operation.tokens[index];
        const from = this.#possible.filter(({ held }) => mayBeUsed(held, token, beganMs));
        const next = from.map(({ held }) => renewed(held as Held, token, operation.ttlMs, expiresAtMs));
        const fitting = next.filter(({ ttlMs }) => inTime(expiresAtMs, ttlMs, beganMs, atMs));
        return fitting.length === 0 ? undefined : fitting.map((held) => ({ held, began }));
      }
      case 'release': {
        const may = this.#possible.some(({ held }) => mayBeUsed(held, operation.tokens[index], beganMs));
        return may ? [{ held: undefined, began }] : undefined;
      }
      default:
        // Of a releaseOwner: whatever was its owner's is gone.
        return this.#possible.map(({ held, began: before }) =>
          held?.owner === (operation as { owner?: string }).owner
            ? { held: undefined, began }
            : { held, began: before },
        );
    }
  }

  /** A refusal changes nothing; answers undefined where nothing possible explains it. */
  #refused(pending: Pending, answer: Refused, atMs: number): readonly Version[] | undefined {
    const { operation, index, beganMs } = pending;
    const explains = (held: Held | undefined): boolean => {
      const expired = held === undefined || held.expiresMinMs <= atMs + TOLERANCE_MS;
      if (answer.reason === 'held') {
        const { current } = answer;
        if (held === undefined || !isHeld(held, current)) return false;
        return current.owner !== (operation as { owner: string }).owner && current.expiresAtMs > beganMs - TOLERANCE_MS;
      }
      const token = (operation as { tokens: readonly number[] }).tokens[index];
      if (answer.reason === 'expired') return held !== undefined && expired && mayHaveToken(held, token);
      if (answer.reason === 'superseded') return held !== undefined && (held.token ?? Number.POSITIVE_INFINITY) > token;
      return answer.reason === 'unknown' && (expired || (held?.token ?? 0) < token);
    };
    return this.#possible.some(({ held }) => explains(held)) ? this.#possible : undefined;
  }

  #advance(next: readonly Version[] | undefined, event: number, durable: boolean): void {
    const replaced = this.#possible.map((version) => ({ ...version, replaced: event }));
    this.#replaced = durable ? [] : [...this.#replaced, ...replaced];
    this.#possible = next as readonly Version[];
  }

  #mayHaveHappened({ operation, index, began, beganMs }: Pending): void {
    const after: Version[] = [];
    for (const { held } of this.#possible) {
      if (operation.kind === 'acquire') {
        const { owner, ttlMs, value } = operation;
        const unsure = { token: undefined, tokenAbove: this.tokenMax, expiresMaxMs: Number.POSITIVE_INFINITY };
        // Over another owner's lease it can only have been granted once that had expired.
        const freeMs = held === undefined || held.owner === owner ? beganMs : Math.max(beganMs, held.expiresMinMs);
        const expiresMinMs = freeMs + ttlMs - TOLERANCE_MS;
        after.push({ began, held: { owner, ttlMs, value, renewals: 0, expiresMinMs, ...unsure } });
      } else if (held === undefined) continue;
      else if (operation.kind === 'renew' && mayBeUsed(held, operation.tokens[index], beganMs)) {
        const next = renewed(held, operation.tokens[index], operation.ttlMs, beganMs);
        const expiresMinMs = beganMs + next.ttlMs - TOLERANCE_MS;
        after.push({ began, held: { ...next, expiresMinMs, expiresMaxMs: Number.POSITIVE_INFINITY } });
      } else if (operation.kind === 'release' && mayBeUsed(held, operation.tokens[index], beganMs)) {
        after.push({ began, held: undefined });
      } else if (operation.kind === 'releaseOwner' && held.owner === operation.owner) {
        after.push({ began, held: undefined });
      }
    }
    this.#possible = [...this.#possible, ...after];
  }

  #fail(what: string): never {
    const possible = this.#possible.map(({ held }) => show(held)).join(' or ');
    const earlier = this.#replaced.map(({ held }) => show(held)).join(', ');
    throw new Error(
      `${this.key}: ${what}, but it can only hold ${possible} (before: ${earlier || 'nothing'}; highest token told: ${this.tokenMax})`,
    );
  }
}

function expiredBy({ held, began }: Version, atMs: number): Version[] {
  if (held === undefined) return [];
  return [{ held: { ...held, expiresMaxMs: Math.min(held.expiresMaxMs, atMs + TOLERANCE_MS) }, began }];
}

function survivalOf(shown: readonly Version[], replaced: readonly Replaced[], nothing: boolean): Surviving {
  const old = shown.filter((version) => replaced.includes(version as Replaced)) as Replaced[];
  const lost = old.length < shown.length ? undefined : Math.max(...old.map((version) => version.replaced));
  // Nothing may be a lease that expired and was swept: it tells of no particular call.
  if (nothing && shown.some(({ held }) => held !== undefined)) return { began: undefined, lost: undefined };
  return { began: Math.min(...shown.map(({ began }) => began)), lost };
}

function heldAs({ owner, value, ttlMs, renewals, token, expiresAtMs }: Lease<string>): Held {
  return { owner, value, ttlMs, renewals, token, tokenAbove: 0, expiresMinMs: expiresAtMs, expiresMaxMs: expiresAtMs };
}

function isHeld(held: Held, { owner, value, ttlMs, renewals, token, expiresAtMs }: Lease<string>): boolean {
  return (
    held.owner === owner &&
    held.value === value &&
    held.ttlMs === ttlMs &&
    held.renewals === renewals &&
    mayHaveToken(held, token) &&
    held.expiresMinMs <= expiresAtMs &&
    held.expiresMaxMs >= expiresAtMs
  );
}

function mayHaveToken(held: Held, token: number): boolean {
  return held.token === undefined ? token > held.tokenAbove : held.token === token;
}

function mayBeGranted(held: Held | undefined, owner: string, atMs: number): boolean {
  return held === undefined || held.owner === owner || held.expiresMinMs <= atMs + TOLERANCE_MS;
}

function mayBeUsed(held: Held | undefined, token: number, beganMs: number): boolean {
  return held !== undefined && mayHaveToken(held, token) && held.expiresMaxMs > beganMs - TOLERANCE_MS;
}

function renewed(held: Held, token: number, ttlMs: number | undefined, expiresAtMs: number): Held {
  return {
    ...held,
    token,
    ttlMs: ttlMs ?? held.ttlMs,
    renewals: held.renewals + 1,
    expiresMinMs: expiresAtMs,
    expiresMaxMs: expiresAtMs,
  };
}

/** Whether a deadline is that of a call decided between two instants. */
function inTime(expiresAtMs: number, ttlMs: number, fromMs: number, toMs: number): boolean {
  const decidedMs = expiresAtMs - ttlMs;
  return decidedMs >= fromMs - TOLERANCE_MS && decidedMs <= toMs + TOLERANCE_MS;
}

function show(held: object | undefined): string {
  return held === undefined ? 'nothing' : JSON.stringify(held);
}
