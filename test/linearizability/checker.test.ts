import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Lease } from '../../src/lease.js';
import { seed, scaled } from '../support/env.js';
import { Random } from '../support/tree-random.js';
import { checkLinearizable } from './checker.js';
import type { Operation, Question, Reply } from './history.js';
import { leaseStep, NOTHING_HELD } from './lease-spec.js';

const TTL_MS = 1000;
/** Store time is as far ahead of the machine's as it likes. */
const STORE_AHEAD_MS = 1_700_000_000_000;

type Answered = Exclude<Reply, { failed: unknown }>;

function operation(fromMs: number, toMs: number, question: Question, reply: Answered | undefined): Operation {
  return { client: 'c', key: 'k', question, reply, fromMs, toMs, storeAheadMs: STORE_AHEAD_MS };
}

/** A lease granted or renewed last at `ms`. */
function lease(owner: string, token: number, ms: number, renewals = 0): Lease<string> {
  const expiresAtMs = STORE_AHEAD_MS + ms + TTL_MS;
  const key = { type: 'actor', id: 'k' };
  return { key, owner, token, ttlMs: TTL_MS, expiresAtMs, acquiredAtMs: 0, renewals, value: `${owner}'s` };
}

const acquire = (from: number, to: number, owner: string, reply: Answered | undefined) =>
  operation(from, to, { kind: 'acquire', owner, ttlMs: TTL_MS, value: `${owner}'s` }, reply);
const granted = (from: number, to: number, owner: string, token: number, ms = from) =>
  acquire(from, to, owner, { ok: true, lease: lease(owner, token, ms) });
const held = (from: number, to: number, owner: string, current: Lease<string>) =>
  acquire(from, to, owner, { ok: false, reason: 'held', current });
const renewed = (from: number, to: number, token: number, ms = from) =>
  operation(from, to, { kind: 'renew', token, ttlMs: TTL_MS }, { ok: true, expiresAtMs: STORE_AHEAD_MS + ms + TTL_MS });
const notRenewed = (from: number, to: number, token: number, reason: 'expired' | 'superseded' | 'unknown') =>
  operation(from, to, { kind: 'renew', token, ttlMs: TTL_MS }, { ok: false, reason });
const released = (from: number, to: number, token: number) =>
  operation(from, to, { kind: 'release', token }, { ok: true });
const got = (from: number, to: number, found: Lease<string> | null) =>
  operation(from, to, { kind: 'get' }, { lease: found });
const checked = (from: number, to: number, token: number, valid: boolean) =>
  operation(from, to, { kind: 'check', token }, { valid });

const check = (history: readonly Operation[]) => checkLinearizable(history, NOTHING_HELD, leaseStep);

const ANOMALIES: readonly (readonly [name: string, history: readonly Operation[]])[] = [
  ['a lost grant', [granted(0, 1, 'x', 5), got(2, 3, null)]],
  ['a lost renewal', [granted(0, 1, 'x', 5), renewed(2, 3, 5), got(4, 5, lease('x', 5, 0))]],
  [
    'a stale read, of what another thread has replaced',
    [granted(0, 1, 'x', 5), released(2, 3, 5), granted(4, 5, 'y', 6), got(6, 7, lease('x', 5, 0))],
  ],
  [
    'new, then old again, in two reads beside one write',
    [
      granted(0, 1, 'x', 5),
      operation(
        2,
        20,
        { kind: 'renew', token: 5, ttlMs: TTL_MS },
        { ok: true, expiresAtMs: STORE_AHEAD_MS + 4 + TTL_MS },
      ),
      got(5, 6, lease('x', 5, 4, 1)),
      got(7, 8, lease('x', 5, 0)),
    ],
  ],
  ['two owners at once', [granted(0, 1, 'x', 5), granted(2, 3, 'y', 6)]],
  ['two owners at once, both asking at the same time', [granted(0, 9, 'x', 5, 4), granted(0, 9, 'y', 6, 5)]],
  ['a token given twice', [granted(0, 1, 'x', 5), released(2, 3, 5), granted(4, 5, 'y', 5)]],
  ['a token below one that was given', [granted(0, 1, 'x', 5), released(2, 3, 5), granted(4, 5, 'y', 4)]],
  ['a released lease come back', [granted(0, 1, 'x', 5), released(2, 3, 5), got(4, 5, lease('x', 5, 0))]],
  [
    'a released lease in another one’s way',
    [granted(0, 1, 'x', 5), released(2, 3, 5), held(4, 5, 'y', lease('x', 5, 0))],
  ],
  ['a release that somebody else’s grant survives without having released', [granted(0, 1, 'x', 5), released(2, 3, 4)]],
  ['an expired lease that is read', [granted(0, 1, 'x', 5), got(TTL_MS + 10, TTL_MS + 11, lease('x', 5, 0))]],
  ['an expired lease that is renewed', [granted(0, 1, 'x', 5), renewed(TTL_MS + 10, TTL_MS + 11, 5)]],
  [
    'a lease that expires, and then lives',
    [
      granted(0, 1, 'x', 5),
      got(TTL_MS - 20, TTL_MS + 20, null),
      got(TTL_MS - 10, TTL_MS + 30, null),
      checked(TTL_MS + 40, TTL_MS + 41, 5, true),
    ],
  ],
  ['a lease that is gone before its time', [granted(0, 1, 'x', 5), got(TTL_MS - 20, TTL_MS - 10, null)]],
  ['a token that is no longer good before its time', [granted(0, 1, 'x', 5), checked(2, 3, 5, false)]],
  ['a grant that lasts longer than was asked for', [granted(0, 1, 'x', 5, 90)]],
  ['a refusal without a holder', [held(0, 1, 'y', lease('x', 5, 0))]],
  ['a refusal of the holder itself', [granted(0, 1, 'x', 5), held(2, 3, 'x', lease('x', 5, 0))]],
  ['a renewal refused as superseded by nothing', [granted(0, 1, 'x', 5), notRenewed(2, 3, 5, 'superseded')]],
  ['a renewal refused as expired in time', [granted(0, 1, 'x', 5), notRenewed(2, 3, 5, 'expired')]],
  ['a read of what nobody wrote', [got(0, 1, lease('x', 5, 0))]],
  ['a read of what is only asked for afterwards', [got(0, 1, lease('x', 5, 2)), granted(2, 3, 'x', 5)]],
  [
    'a call of a dead process that takes effect after the next one has begun',
    [acquire(0, 5, 'x', undefined), got(6, 7, null), got(8, 9, lease('x', 5, 2))],
  ],
  [
    'a call without an answer that happened, and then did not',
    [acquire(0, 50, 'x', undefined), got(6, 7, lease('x', 5, 2)), got(8, 9, null)],
  ],
  [
    'a call without an answer that happened twice',
    [
      granted(0, 1, 'x', 5),
      operation(2, 50, { kind: 'renew', token: 5, ttlMs: TTL_MS }, undefined),
      got(10, 11, lease('x', 5, 5, 1)),
      got(12, 13, lease('x', 5, 9, 2)),
    ],
  ],
];

for (const [name, history] of ANOMALIES) {
  test(`it is caught: ${name}`, () => {
    assert.is(check(history).ok, false);
    // Who tells first must not matter.
    assert.is(check([...history].reverse()).ok, false);
  });
}

const SOUND: readonly (readonly [name: string, history: readonly Operation[]])[] = [
  ['nothing at all', []],
  ['a read beside a write sees either', [granted(0, 9, 'x', 5, 4), got(1, 2, null), got(6, 7, lease('x', 5, 4))]],
  ['two that ask at once, one of whom is refused', [granted(0, 9, 'x', 5, 4), held(0, 9, 'y', lease('x', 5, 4))]],
  [
    'the end of a lease, seen by one before another',
    [
      granted(0, 1, 'x', 5),
      got(TTL_MS - 20, TTL_MS + 20, null),
      got(TTL_MS - 20, TTL_MS + 20, lease('x', 5, 0)),
      granted(TTL_MS + 5, TTL_MS + 9, 'y', 6),
    ],
  ],
  ['an expired lease that was swept', [granted(0, 1, 'x', 5), notRenewed(TTL_MS + 5, TTL_MS + 6, 5, 'unknown')]],
  ['a call without an answer that never happened', [acquire(0, 5, 'x', undefined), got(6, 7, null)]],
  [
    'a call without an answer that happened late',
    [acquire(0, 50, 'x', undefined), got(6, 7, null), got(8, 9, lease('x', 5, 7)), renewed(10, 11, 5)],
  ],
  [
    'a renewal without an answer',
    [
      granted(0, 1, 'x', 5),
      operation(2, 50, { kind: 'renew', token: 5, ttlMs: TTL_MS }, undefined),
      got(60, 61, lease('x', 5, 30, 1)),
    ],
  ],
  [
    'a takeover of the lease with a token',
    [
      granted(0, 1, 'x', 5),
      operation(
        2,
        3,
        { kind: 'acquire', owner: 'y', ttlMs: TTL_MS, value: "y's", previous: 5 },
        { ok: true, lease: lease('y', 6, 2) },
      ),
      notRenewed(4, 5, 5, 'superseded'),
    ],
  ],
];

for (const [name, history] of SOUND) {
  test(`it is accepted: ${name}`, () => {
    assert.equal(check(history), { ok: true });
    assert.is(check([...history].reverse()).ok, true);
  });
}

/** A store that does one thing after the other, and clients whose calls overlap. */
function randomHistory(random: Random, length: number): Operation[] {
  let holder: Lease<string> | undefined;
  let [token, ms] = [0, 0];
  const history: Operation[] = [];
  for (let i = 0; i < length; i++) {
    ms += random.below(4);
    const around = [ms - random.below(12), ms + random.below(12)] as const;
    const live = holder !== undefined && holder.expiresAtMs > ms + STORE_AHEAD_MS ? holder : undefined;
    const unanswered = random.chance(0.05);
    const say = (question: Question, reply: Answered) =>
      history.push(operation(...around, question, unanswered ? undefined : reply));
    const which = random.below(5);
    if (which === 0) {
      const owner = random.pick(['x', 'y', 'z']);
      const question = { kind: 'acquire', owner, ttlMs: TTL_MS, value: `${owner}'s` } as const;
      if (live !== undefined && live.owner !== owner) say(question, { ok: false, reason: 'held', current: live });
      else {
        holder = lease(owner, ++token, ms);
        say(question, { ok: true, lease: holder });
      }
    } else if (which === 1 && live !== undefined) {
      holder = { ...lease(live.owner, live.token, ms, live.renewals + 1) };
      say({ kind: 'renew', token: live.token, ttlMs: TTL_MS }, { ok: true, expiresAtMs: holder.expiresAtMs });
    } else if (which === 2 && live !== undefined && random.chance(0.3)) {
      holder = undefined;
      say({ kind: 'release', token: live.token }, { ok: true });
    } else say({ kind: 'get' }, { lease: live ?? null });
  }
  return history;
}

test('what a store that does one thing after the other answers is accepted, however its calls overlap', () => {
  const random = new Random(seed);
  for (let i = 0; i < scaled(30, 1000); i++) {
    const history = randomHistory(random, random.between(1, 200));
    const verdict = check(history);
    assert.ok(verdict.ok, `history ${i} of seed ${seed}`);
  }
});

test('one wrong answer in such a history is caught wherever it contradicts', () => {
  const random = new Random(seed);
  let caught = 0;
  const histories = scaled(30, 1000);
  for (let i = 0; i < histories; i++) {
    const history = randomHistory(random, 60);
    // Somebody reads a lease with a token that nobody is ever given.
    const at = random.below(history.length);
    const { fromMs, toMs } = history[at];
    history[at] = got(fromMs, toMs, lease('x', 1_000_000, fromMs));
    if (!check(history).ok) caught++;
  }
  // An acquire that nobody answered may have been given any token: now and then that explains it.
  assert.ok(caught > histories * 0.8, `${caught} of ${histories}`);
});

test.run();
