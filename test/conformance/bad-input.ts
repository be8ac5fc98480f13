import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type AnyStore,
  collect,
  granted,
  key,
  LONG_MS,
  newDirectory,
  onStore,
  rejects,
  type Subject,
} from './subject.js';

const owner = 'node-1';
const ok = { owner, ttlMs: LONG_MS };
const throwing = {
  get owner(): string {
    throw new Error('a getter of the caller');
  },
};
const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();

/** Each with what its error must name. */
const BAD_CALLS: readonly (readonly [call: (store: AnyStore) => unknown, names: RegExp])[] = [
  ...badKeys((store, bad) => store.acquire(bad, ok)),
  ...badKeys((store, bad) => store.get(bad)),
  ...badKeys((store, bad) => store.check(bad, 1)),
  ...badKeys((store, bad) => store.renew({ key: bad, token: 1 })),
  ...badKeys((store, bad) => store.release({ key: bad, token: 1 })),
  ...['', 1, null, undefined, 'o'.repeat(129), '\ud800', 'a\0b'].map(
    (bad) => [(store: AnyStore) => store.acquire(key('a'), { owner: bad as never, ttlMs: 1 }), /owner/] as const,
  ),
  ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 49 * 86_400_000 + 1, '5', null, undefined, 5n].flatMap(
    (bad) => [
      [(store: AnyStore) => store.acquire(key('a'), { owner, ttlMs: bad as never }), /ttlMs/] as const,
      [
        (store: AnyStore) => store.acquireMany([{ key: key('a'), owner, ttlMs: bad as never }]),
        /\[0\]\.ttlMs/,
      ] as const,
      ...(bad === undefined
        ? []
        : ([
            [(store: AnyStore) => store.renew({ key: key('a'), token: 1 }, { ttlMs: bad as never }), /ttlMs/],
            [(store: AnyStore) => store.renewMany([{ key: key('a'), token: 1, ttlMs: bad as never }]), /\[0\]\.ttlMs/],
          ] as const)),
    ],
  ),
  ...[-1, 1.5, 2 ** 53, Number.NaN, '1', null, undefined].flatMap((bad) => [
    [(store: AnyStore) => store.renew({ key: key('a'), token: bad as never }), /token/] as const,
    [(store: AnyStore) => store.release({ key: key('a'), token: bad as never }), /token/] as const,
    [(store: AnyStore) => store.check(key('a'), bad as never), /token/] as const,
  ]),
  [(store) => store.acquire(key('a'), undefined as never), /options/],
  [(store) => store.acquire(key('a'), null as never), /options/],
  [(store) => store.acquire(key('a'), { ...ok, ttl: 5 } as never), /"ttl"/],
  [(store) => store.acquire(key('a'), { ...ok, previous: -1 }), /previous/],
  [(store) => store.acquire(key('a'), { ...ok, durability: 'soon' } as never), /durability/],
  [(store) => store.acquire(key('a'), throwing as never), /options/],
  [(store) => store.acquire(key('a'), revoked as never), /options/],
  [(store) => store.acquire(key('a'), Object.create(ok)), /ttlMs/],
  [(store) => store.renew(null as never), /grant/],
  [(store) => store.renew({ key: key('a'), token: 1 }, { tokens: 1 } as never), /"tokens"/],
  [(store) => store.renew({ key: key('a'), token: 1 }, { durability: 1 } as never), /durability/],
  [(store) => store.release({ key: key('a'), tok: 1 } as never), /"tok"/],
  [(store) => store.release({ key: key('a'), token: 1 }, { durability: null } as never), /durability/],
  [(store) => store.acquireMany({} as never), /requests/],
  [(store) => store.acquireMany([{ key: key('ok'), ...ok }, null as never]), /requests\[1\]/],
  [
    (store) =>
      store.acquireMany([
        { key: key('ok'), ...ok },
        { key: key(''), ...ok },
      ]),
    /requests\[1\]\.key/,
  ],
  [(store) => store.acquireMany([{ key: key('ok'), ...ok, previous: 0 } as never]), /"previous"/],
  [(store) => store.acquireMany([], { sync: true } as never), /"sync"/],
  [(store) => store.renewMany('x' as never), /requests/],
  [(store) => store.renewMany([{ key: key('a'), token: 1 }, {} as never]), /requests\[1\]/],
  [(store) => store.releaseOwner(''), /owner/],
  [(store) => store.releaseOwner(undefined as never), /owner/],
  ...(
    [
      [{ gt: 'a' }, /type/],
      [{ type: 'a', gt: 'a', gte: 'a' }, /gt/],
      [{ type: 'a', lt: 'a', lte: 'a' }, /lt/],
      [{ type: '' }, /type/],
      [{ type: 5 }, /type/],
      [{ owner: 'a\0' }, /owner/],
      [{ type: 'a', gte: 1 }, /gte/],
      [{ limit: -1 }, /limit/],
      [{ limit: 1.5 }, /limit/],
      [{ limit: null }, /limit/],
      [{ reverse: 1 }, /reverse/],
      [{ after: 'a' }, /after/],
      [{ after: { type: 'a' } }, /after\.id/],
      [{ includeExpired: 'yes' }, /includeExpired/],
      [{ prefix: 'a' }, /"prefix"/],
      [null, /range/],
      [7, /range/],
      [throwing, /range/],
    ] as const
  ).flatMap(([range, names]) => [
    [(store: AnyStore) => collect(store.range(range as never)), names] as const,
    [(store: AnyStore) => store.count(range as never), names] as const,
  ]),
  [(store) => store.count({}, { live: 1 } as never), /live/],
  [(store) => store.count({}, { alive: true } as never), /"alive"/],
];

function badKeys(call: (store: AnyStore, bad: never) => unknown) {
  const lists: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /key/],
    [null, /key/],
    ['player/7', /key/],
    [{}, /key\.type/],
    [{ type: 'player' }, /key\.id/],
    [{ type: 'player', id: 7 }, /key\.id/],
    [{ type: '', id: 'a' }, /key\.type/],
    [{ type: 'player', id: '' }, /key\.id/],
    [{ type: 'player', id: 'a\0b' }, /key\.id/],
    [{ type: 'player', id: '\udc00x' }, /key\.id/],
    [{ type: 't'.repeat(129), id: 'a' }, /key\.type/],
    [{ type: 'player', id: 'é'.repeat(129) }, /key\.id/],
    [revoked, /key/],
  ];
  return lists.map(([bad, names]) => [(store: AnyStore) => call(store, bad as never), names] as const);
}

/** What would change every answer, were it taken for an option. */
const POLLUTION = {
  owner: 'nobody',
  ttlMs: 1,
  previous: 1,
  durability: 'neither',
  type: 'polluted',
  token: 1,
  gt: 'a',
  lt: 'b',
  limit: 1,
  after: { type: 'z', id: 'z' },
  reverse: true,
  includeExpired: 'perhaps',
};

export function badInputConforms(subject: Subject): void {
  onStore(subject, 'bad input is refused with an error that names it, and changes nothing', async (store) => {
    const lease = await granted(store.acquire(key('kept'), ok));
    for (const [call, names] of BAD_CALLS) {
      await rejects(() => call(store), 'ERR_HOLDFAST_INVALID_ARGUMENT', names);
    }
    assert.equal(await collect(store.range({ includeExpired: true })), [lease]);
  });

  onStore(subject, 'no property of Object.prototype sets an option', async (store) => {
    const first = await granted(store.acquire(key('a'), ok));
    const second = await granted(store.acquire(key('b'), ok));
    const names = Object.keys(POLLUTION);
    Object.assign(Object.prototype, POLLUTION);
    try {
      const third = await granted(store.acquire(key('c'), ok));
      assert.is(third.ttlMs, LONG_MS);
      const [{ ok: isOk }] = await store.acquireMany([{ key: key('d'), ...ok }]);
      assert.ok(isOk);
      const renewed = await store.renew(first);
      assert.ok(renewed.ok && renewed.expiresAtMs >= first.expiresAtMs, 'by as long as before');
      assert.equal(await store.renewMany([{ key: second.key, token: second.token - 1 }]), [
        { ok: false, reason: 'superseded' },
      ]);
      await rejects(
        () => store.acquire(key('e'), { ttlMs: LONG_MS } as never),
        'ERR_HOLDFAST_INVALID_ARGUMENT',
        /owner/,
      );
      assert.equal(
        (await collect(store.range({}))).map((lease) => lease.key.id),
        ['a', 'b', 'c', 'd'],
      );
      assert.is(await store.count({}), 4);
    } finally {
      for (const name of names) delete (Object.prototype as Record<string, unknown>)[name];
    }
  });

  const badOptions: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ syncIntervalMs: 0 }, /syncIntervalMs/],
    [{ pendingMax: 0 }, /pendingMax/],
    [{ durabilty: 'synced' }, /"durabilty"/],
    [{ durability: 'eventually' }, /durability/],
    [{ valueEncoding: 'xml' }, /valueEncoding/],
  ];
  test(`${subject.name}: bad options are refused`, async () => {
    for (const [options, names] of badOptions) {
      const all = { engine: subject.name, directory: newDirectory(), ...options };
      await rejects(() => subject.open(all), 'ERR_HOLDFAST_INVALID_ARGUMENT', names);
    }
    if (!subject.supports.persistence) return;
    await rejects(() => subject.open({ engine: subject.name }), 'ERR_HOLDFAST_INVALID_ARGUMENT', /directory/);
  });
}
