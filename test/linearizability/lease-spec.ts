import type { Lease } from '../../src/lease.js';
import type { Operation, Question } from './history.js';

/** A lease as far as it is known: of a grant or renewal that nobody was told of, token or deadline are not. */
interface Held {
  readonly owner: string;
  readonly value: string;
  readonly ttlMs: number;
  readonly renewals: number;
  readonly token: number | undefined;
  readonly expiresMinMs: number;
  readonly expiresMaxMs: number;
}

/** One key, as a store that does one thing after the other would hold it. */
export interface LeaseState {
  readonly held: Held | undefined;
  /** The highest token ever given; the next one is above. */
  readonly tokenMax: number;
  /** The last operation took effect at this instant of store time or later. */
  readonly storeMs: number;
  /** The last write was judged at this instant of store time or later. */
  readonly judgedMs: number;
}

export const NOTHING_HELD: LeaseState = {
  held: undefined,
  tokenMax: 0,
  storeMs: Number.NEGATIVE_INFINITY,
  judgedMs: Number.NEGATIVE_INFINITY,
};

/** Threads place themselves on the line of time with an error of their own, and deadlines are whole milliseconds. */
const TOLERANCE_MS = 1.5;

/**
 * What the key holds after the operation, or undefined where its reply cannot be explained. An operation without a reply
 * is taken to have had its effect; undefined if it cannot have had one.
 *
 * Every operation takes effect at an instant of its interval, none before the one in front of it. A read judges deadlines
 * at that instant. A write judges them at an instant of its interval that may be earlier: its log frame is written, and
 * perhaps synced, between the two. Of all instants that explain a reply the earliest are taken, which leaves the
 * operations behind it the most room.
 */
export function leaseStep(state: LeaseState, operation: Operation): LeaseState | undefined {
  const { question, fromMs, toMs, storeAheadMs } = operation;
  const storeMs = Math.max(state.storeMs, fromMs + storeAheadMs);
  const toStoreMs = toMs + storeAheadMs;
  if (storeMs > toStoreMs + TOLERANCE_MS) return undefined;
  if (question.kind === 'get' || question.kind === 'check') {
    return afterRead(new Moment({ ...state, storeMs }, storeMs, toStoreMs), operation);
  }
  const fromJudgedMs = Math.max(state.judgedMs, fromMs + storeAheadMs);
  const after = afterWrite(new Moment({ ...state, storeMs }, fromJudgedMs, toStoreMs), operation);
  if (after === undefined) return undefined;
  return { ...after.state, judgedMs: after.ms, storeMs: Math.max(storeMs, after.ms) };
}

function afterRead(moment: Moment, { question, reply }: Operation): LeaseState | undefined {
  const after = readAs(moment, question, reply);
  return after && { ...after.state, storeMs: after.ms };
}

function readAs(moment: Moment, question: Question, reply: Operation['reply']): Moment | undefined {
  if (reply === undefined) return moment;
  if ('valid' in reply) {
    const { token } = question as { token: number };
    if (reply.valid) return moment.alive(token);
    return moment.gone() ?? (moment.surelyHas(token) ? undefined : moment);
  }
  const { lease } = reply as { lease: Lease<string> | null };
  return lease === null ? moment.gone() : moment.shows(lease);
}

function afterWrite(moment: Moment, { question, reply }: Operation): Moment | undefined {
  switch (question.kind) {
    case 'acquire':
      return afterAcquire(moment, question, reply);
    case 'renew':
    case 'release': {
      if (reply === undefined || ('ok' in reply && reply.ok)) {
        const alive = moment.alive(question.token);
        if (question.kind === 'release') return alive?.released();
        return alive?.renewed(question.ttlMs, (reply as { expiresAtMs: number } | undefined)?.expiresAtMs);
      }
      return refused(moment, question.token, (reply as { reason: string }).reason);
    }
    default:
      return undefined;
  }
}

function afterAcquire(
  moment: Moment,
  question: Question & { kind: 'acquire' },
  reply: Operation['reply'],
): Moment | undefined {
  const { owner, previous } = question;
  const { held } = moment.state;
  const free = () => {
    if (previous !== undefined && previous > 0) return moment.alive(previous);
    return previous === undefined && held?.owner === owner ? moment : moment.gone();
  };
  if (reply === undefined) return free()?.granted(question, undefined);
  if ('lease' in reply) return free()?.granted(question, reply.lease as Lease<string>);
  if (!('reason' in reply)) return undefined;
  if (reply.reason === 'changed') return previous === 0 ? undefined : moment.gone();
  if (reply.reason !== 'held') return undefined;
  const { current } = reply;
  const inTheWay = previous === undefined ? current.owner !== owner : current.token !== previous;
  return inTheWay ? moment.shows(current) : undefined;
}

function refused(moment: Moment, token: number, reason: string): Moment | undefined {
  const { held } = moment.state;
  switch (reason) {
    case 'expired':
      return moment.mayHave(token) ? moment.expired() : undefined;
    case 'superseded':
      return held !== undefined && (held.token ?? Number.POSITIVE_INFINITY) > token ? moment : undefined;
    default:
      // A lease that was swept is unknown, as is one that nobody was ever granted.
      return held !== undefined && (held.token ?? 0) < token ? moment : moment.gone();
  }
}

/**
 * A state, and the earliest instant at which the operation can have judged it. A condition moves that instant later, or
 * rules the operation out.
 */
class Moment {
  readonly state: LeaseState;
  readonly ms: number;
  readonly #toMs: number;

  constructor(state: LeaseState, ms: number, toMs: number) {
    this.state = state;
    this.ms = ms;
    this.#toMs = toMs;
  }

  mayHave(token: number): boolean {
    const { held } = this.state;
    return held !== undefined && (held.token === undefined || held.token === token);
  }

  surelyHas(token: number): boolean {
    return this.state.held?.token === token;
  }

  /** Nobody holds the key: there is no lease, or its deadline has passed. */
  gone(): Moment | undefined {
    return this.state.held === undefined ? this : this.expired();
  }

  expired(): Moment | undefined {
    const { held } = this.state;
    if (held === undefined || held.expiresMinMs > this.#toMs + TOLERANCE_MS) return undefined;
    return new Moment(this.state, Math.max(this.ms, held.expiresMinMs - TOLERANCE_MS), this.#toMs);
  }

  /** The lease with this token lives; from now on that is known to be its token. */
  alive(token: number): Moment | undefined {
    const { held } = this.state;
    if (held === undefined || !this.mayHave(token) || held.expiresMaxMs <= this.ms - TOLERANCE_MS) return undefined;
    return this.with({ held: { ...held, token }, tokenMax: Math.max(this.state.tokenMax, token) });
  }

  /** The key holds just this lease, and it lives. */
  shows(lease: Lease<string>): Moment | undefined {
    const { held } = this.state;
    const { owner, value, ttlMs, renewals, token, expiresAtMs } = lease;
    if (held === undefined || held.owner !== owner || held.value !== value || held.ttlMs !== ttlMs) return undefined;
    if (held.renewals !== renewals || (held.token === undefined && token <= this.state.tokenMax)) return undefined;
    if (expiresAtMs < held.expiresMinMs || expiresAtMs > held.expiresMaxMs) return undefined;
    return this.with({ held: { ...held, expiresMinMs: expiresAtMs, expiresMaxMs: expiresAtMs } }).alive(token);
  }

  /** `lease`: as it was granted, if anybody was told. */
  granted(asked: Question & { kind: 'acquire' }, lease: Lease<string> | undefined): Moment | undefined {
    const { owner, value, ttlMs } = asked;
    const { tokenMax } = this.state;
    const held = { owner, value, ttlMs, renewals: 0 };
    if (lease === undefined) return this.with({ held: { ...held, token: undefined, ...this.#untoldDeadline(ttlMs) } });
    const { token, expiresAtMs } = lease;
    const isAsked = lease.owner === owner && lease.value === value && lease.ttlMs === ttlMs && lease.renewals === 0;
    if (!isAsked || token <= tokenMax) return undefined;
    const exact = { expiresMinMs: expiresAtMs, expiresMaxMs: expiresAtMs };
    return this.#at(expiresAtMs - ttlMs)?.with({ held: { ...held, token, ...exact }, tokenMax: token });
  }

  renewed(ttlMs: number, expiresAtMs: number | undefined): Moment | undefined {
    const before = this.state.held as Held;
    const held = { ...before, ttlMs, renewals: before.renewals + 1 };
    if (expiresAtMs === undefined) return this.with({ held: { ...held, ...this.#untoldDeadline(ttlMs) } });
    const exact = { expiresMinMs: expiresAtMs, expiresMaxMs: expiresAtMs };
    return this.#at(expiresAtMs - ttlMs)?.with({ held: { ...held, ...exact } });
  }

  released(): Moment {
    return this.with({ held: undefined });
  }

  /** It was judged at this instant, which is rounded up. */
  #at(judgedMs: number): Moment | undefined {
    if (judgedMs < this.ms - TOLERANCE_MS || judgedMs > this.#toMs + 1 + TOLERANCE_MS) return undefined;
    return new Moment(this.state, Math.max(this.ms, judgedMs - 1), this.#toMs);
  }

  #untoldDeadline(ttlMs: number): { expiresMinMs: number; expiresMaxMs: number } {
    return {
      expiresMinMs: Math.floor(this.ms - TOLERANCE_MS) + ttlMs,
      expiresMaxMs: Math.ceil(this.#toMs + TOLERANCE_MS) + 1 + ttlMs,
    };
  }

  with(change: Partial<LeaseState>): Moment {
    return new Moment({ ...this.state, ...change }, this.ms, this.#toMs);
  }
}
