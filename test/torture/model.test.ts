import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Lease } from '../../src/lease.js';
import type { Answer, Event, Operation } from './events.js';
import { Model } from './model.js';

const T = 1_700_000_000_000;
const TTL_MS = 60_000;

/** Plays a process and a store that may lie to it. */
class Story {
  readonly model: Model;
  #call = 0;

  constructor(oneShard = true) {
    this.model = new Model({ synced: false, oneShard });
    this.opened(T, []);
  }

  opened(storeMs: number, stored: readonly Lease<string>[]): this {
    this.tell({ e: 'open', storeMs });
    for (const lease of stored) this.tell({ e: 'found', lease, live: lease.expiresAtMs > storeMs });
    return this.tell({ e: 'audited', atMs: storeMs, stored: stored.length });
  }

  begin(operation: Operation, atMs: number): number {
    this.tell({ e: 'begin', call: ++this.#call, atMs, operation });
    return this.#call;
  }

  end(call: number, atMs: number, ...answers: Answer[]): this {
    return this.tell({ e: 'end', call, atMs, answers });
  }

  /** An acquire that is answered a millisecond later. */
  acquire(key: string, owner: string, atMs: number, answer: Answer, synced = false): this {
    const call = this.begin({ kind: 'acquire', keys: [key], owner, ttlMs: TTL_MS, value: undefined, synced }, atMs);
    return this.end(call, atMs + 1, answer);
  }

  renew(key: string, token: number, atMs: number, answer: Answer): this {
    const call = this.begin({ kind: 'renew', keys: [key], tokens: [token], ttlMs: undefined, synced: false }, atMs);
    return this.end(call, atMs + 1, answer);
  }

  release(key: string, token: number, atMs: number, answer: Answer = { ok: true }): this {
    const call = this.begin({ kind: 'release', keys: [key], tokens: [token], synced: false }, atMs);
    return this.end(call, atMs + 1, answer);
  }

  read(key: string, atMs: number, found: Lease<string> | undefined): this {
    return this.tell({ e: 'read', key, fromMs: atMs, toMs: atMs + 1, lease: found });
  }

  tell(event: Event): this {
    this.model.apply(event);
    return this;
  }

  crash(kind: 'process' | 'power'): this {
    this.model.crash(kind);
    return this;
  }
}

function lease(id: string, owner: string, token: number, grantedMs: number, renewals = 0): Lease<string> {
  const key = { type: 'actor', id };
  return { key, owner, token, ttlMs: TTL_MS, expiresAtMs: grantedMs + TTL_MS, acquiredAtMs: grantedMs, renewals };
}

const granted = (id: string, owner: string, token: number, grantedMs: number): Answer => ({
  ok: true,
  lease: lease(id, owner, token, grantedMs),
});
const held = (current: Lease<string>): Answer => ({ ok: false, reason: 'held', current });
const failed = (outcome: 'unknown' | 'not-applied'): Answer => ({
  failed: { code: 'ERR_HOLDFAST_IO', outcome, message: '' },
});

/** What each lie is, how the story goes up to it, and what the model says about it. */
const LIES: readonly (readonly [name: string, lie: (story: Story) => unknown, says: RegExp])[] = [
  [
    'an acknowledged grant is lost by a kill',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .crash('process')
        .opened(T + 10, []),
    /there is {2}nothing/,
  ],
  [
    'an acknowledged renewal is lost by a kill',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .renew('a', 5, T + 10, { ok: true, expiresAtMs: T + 10 + TTL_MS })
        .crash('process')
        .opened(T + 20, [lease('a', 'x', 5, T)]),
    /can only hold .*"renewals":1/,
  ],
  [
    'a synced grant is lost by a power cut',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T), true)
        .crash('power')
        .opened(T + 10, []),
    /there is {2}nothing/,
  ],
  [
    'what was flushed is lost by a power cut',
    (story) => {
      story.acquire('a', 'x', T, granted('a', 'x', 5, T));
      const flush = story.begin({ kind: 'flush', keys: [] }, T + 2);
      story
        .end(flush, T + 3, { ok: true })
        .crash('power')
        .opened(T + 10, []);
    },
    /there is {2}nothing/,
  ],
  [
    'what an opening served is lost by a power cut',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .crash('process')
        .opened(T + 10, [lease('a', 'x', 5, T)])
        .crash('power')
        .opened(T + 20, []),
    /there is {2}nothing/,
  ],
  [
    'a later grant survives a power cut, an earlier one does not',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .acquire('b', 'x', T + 5, granted('b', 'x', 6, T + 5))
        .crash('power')
        .opened(T + 10, [lease('b', 'x', 6, T + 5)]),
    /survived, what was acknowledged at/,
  ],
  [
    'a released lease comes back',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .release('a', 5, T + 5)
        .crash('process')
        .opened(T + 10, [lease('a', 'x', 5, T)]),
    /can only hold nothing/,
  ],
  [
    'two owners are granted one key',
    (story) =>
      story.acquire('a', 'x', T, granted('a', 'x', 5, T)).acquire('a', 'y', T + 9, granted('a', 'y', 6, T + 9)),
    /was answered/,
  ],
  [
    'a token is given twice',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .release('a', 5, T + 5)
        .acquire('a', 'y', T + 9, granted('a', 'y', 5, T + 9)),
    /highest token told: 5/,
  ],
  [
    'a token falls behind one whose grant a power cut took back',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .crash('power')
        .opened(T + 5, [])
        .acquire('a', 'y', T + 9, granted('a', 'y', 4, T + 9)),
    /highest token told: 5/,
  ],
  [
    'a read shows what is gone',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .release('a', 5, T + 5)
        .read('a', T + 9, lease('a', 'x', 5, T)),
    /get found/,
  ],
  [
    'a read shows an expired lease',
    (story) => story.acquire('a', 'x', T, granted('a', 'x', 5, T)).read('a', T + TTL_MS + 9, lease('a', 'x', 5, T)),
    /get found/,
  ],
  [
    'a lease that lives is not read',
    (story) => story.acquire('a', 'x', T, granted('a', 'x', 5, T)).read('a', T + 9, undefined),
    /get found undefined/,
  ],
  [
    'an expired lease is renewed',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .renew('a', 5, T + TTL_MS + 9, { ok: true, expiresAtMs: T + 2 * TTL_MS + 9 }),
    /was answered/,
  ],
  [
    'an old token renews',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .acquire('a', 'x', T + 5, granted('a', 'x', 6, T + 5))
        .renew('a', 5, T + 9, { ok: true, expiresAtMs: T + 9 + TTL_MS }),
    /was answered/,
  ],
  [
    'the holder is refused as expired before its time',
    (story) =>
      story.acquire('a', 'x', T, granted('a', 'x', 5, T)).renew('a', 5, T + 9, { ok: false, reason: 'expired' }),
    /was answered/,
  ],
  [
    'the holder that is shown holds something else',
    (story) =>
      story.acquire('a', 'x', T, granted('a', 'x', 5, T)).acquire('a', 'y', T + 9, held(lease('a', 'z', 5, T))),
    /was answered/,
  ],
  [
    'a grant lasts longer than was asked for',
    (story) => story.acquire('a', 'x', T, granted('a', 'x', 5, T + 500)),
    /was answered/,
  ],
  [
    'what failed without effect has one',
    (story) =>
      story
        .acquire('a', 'x', T, failed('not-applied'))
        .crash('process')
        .opened(T + 9, [lease('a', 'x', 5, T)]),
    /can only hold nothing/,
  ],
  [
    'store time goes back',
    (story) =>
      story
        .acquire('a', 'x', T, granted('a', 'x', 5, T))
        .crash('process')
        .opened(T - 60, [lease('a', 'x', 5, T)]),
    /store time went back/,
  ],
  [
    'the count is not that of what is read',
    (story) => story.crash('process').tell({ e: 'audited', atMs: T + 9, stored: 1 }),
    /1 leases are counted, 0 are read/,
  ],
];

for (const [name, lie, says] of LIES) {
  test(`it is caught when ${name}`, () => {
    let caught: unknown;
    try {
      lie(new Story());
    } catch (error) {
      caught = error;
    }
    assert.instance(caught, Error, 'nothing was said');
    assert.match((caught as Error).message, says);
  });
}

test('a call without an answer may have happened or not', () => {
  for (const [stored, atMs] of [
    [[], T + 9],
    [[lease('a', 'x', 5, T + 3)], T + 9],
  ] as const) {
    const story = new Story();
    story.begin({ kind: 'acquire', keys: ['a'], owner: 'x', ttlMs: TTL_MS, value: undefined, synced: false }, T);
    story.crash('process').opened(atMs, stored);
  }
  for (const found of [lease('a', 'x', 5, T), lease('a', 'x', 5, T + 7, 1)]) {
    const story = new Story().acquire('a', 'x', T, granted('a', 'x', 5, T));
    story.begin({ kind: 'renew', keys: ['a'], tokens: [5], ttlMs: undefined, synced: false }, T + 5);
    story.crash('process').opened(T + 9, [found]);
  }
});

test('a failure of unknown outcome stays open until the store is opened again', () => {
  const before = new Story().acquire('a', 'x', T, granted('a', 'x', 5, T));
  before
    .renew('a', 5, T + 5, failed('unknown'))
    .read('a', T + 6, lease('a', 'x', 5, T))
    .crash('process');
  before.opened(T + 9, [lease('a', 'x', 5, T + 5, 1)]);
  assert.throws(() => before.read('a', T + 10, lease('a', 'x', 5, T)), /get found/);
});

test('a power cut takes back what nothing synced, all of it or the end of it', () => {
  const history = () =>
    new Story()
      .acquire('a', 'x', T, granted('a', 'x', 5, T))
      .acquire('b', 'x', T + 5, granted('b', 'x', 6, T + 5))
      .crash('power');
  history().opened(T + 9, []);
  history().opened(T + 9, [lease('a', 'x', 5, T)]);
  history().opened(T + 9, [lease('a', 'x', 5, T), lease('b', 'x', 6, T + 5)]);
});

test('an expired lease may be swept or not', () => {
  const history = () => new Story().acquire('a', 'x', T, granted('a', 'x', 5, T)).crash('process');
  const laterMs = T + TTL_MS + 9;
  history().opened(laterMs, []);
  history()
    .opened(laterMs, [lease('a', 'x', 5, T)])
    .acquire('a', 'y', laterMs, granted('a', 'y', 9, laterMs));
});

test('a power cut may take back the sweep of an expired lease that an opening no longer found, but revives nothing', () => {
  const laterMs = T + TTL_MS + 9;
  const history = () =>
    new Story()
      .acquire('a', 'x', T, granted('a', 'x', 5, T))
      .crash('process')
      .opened(laterMs, [])
      .acquire('b', 'x', laterMs, granted('b', 'x', 6, laterMs))
      .crash('power');
  history().opened(laterMs + 9, [lease('a', 'x', 5, T)]);
  history().opened(laterMs + 9, [lease('b', 'x', 6, laterMs)]);
  assert.throws(() => history().opened(laterMs + 9, [lease('a', 'x', 5, T, 1)]), /there is/);
  assert.throws(() => history().opened(laterMs + 9, [lease('a', 'x', 9, laterMs)]), /there is live/);
});

test('what an opening no longer found of a call without an answer can only come back expired', () => {
  const laterMs = T + TTL_MS + 9;
  const story = new Story();
  story.begin({ kind: 'acquire', keys: ['a'], owner: 'x', ttlMs: TTL_MS, value: undefined, synced: false }, T);
  story.crash('process').opened(laterMs, []).crash('power');
  assert.throws(() => story.opened(laterMs + 9, [lease('a', 'x', 9, laterMs)]), /there is live/);
});

test.run();
