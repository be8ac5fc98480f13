import * as assert from 'uvu/assert';
import { granted, key, LONG_MS, onStore, rejects, type Subject } from './subject.js';

const VALUE_BYTES_MAX = 4096;

export function valuesConform(subject: Subject): void {
  const roundTrips = async (store: Parameters<Parameters<typeof onStore>[2]>[0], value: unknown, i: number) => {
    await granted(store.acquire(key(`v${i}`), { owner: 'node-1', ttlMs: LONG_MS, value }));
    assert.equal((await store.get(key(`v${i}`)))?.value, value);
    await store.renew({ key: key(`v${i}`), token: (await store.get(key(`v${i}`)))?.token ?? 0 });
    assert.equal((await store.get(key(`v${i}`)))?.value, value, 'after a renewal');
  };

  onStore(subject, 'json values come back as they went in', async (store) => {
    const values = [
      null,
      false,
      0,
      -1.5,
      '',
      'é\u{1f600}',
      [],
      {},
      { a: [1, { b: null }] },
      'x'.repeat(VALUE_BYTES_MAX - 2),
    ];
    for (const [i, value] of values.entries()) await roundTrips(store, value, i);
    const given = { list: [1] };
    const lease = await granted(store.acquire(key('mine'), { owner: 'node-1', ttlMs: LONG_MS, value: given }));
    given.list.push(2);
    (lease.value as { list: number[] }).list.push(3);
    assert.equal((await store.get(key('mine')))?.value, { list: [1] }, 'neither caller shares the stored value');
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    for (const bad of [circular, 1n, Symbol('s'), () => 1, 'x'.repeat(VALUE_BYTES_MAX - 1)]) {
      const call = () => store.acquire(key('bad'), { owner: 'node-1', ttlMs: LONG_MS, value: bad });
      await rejects(call, 'ERR_HOLDFAST_INVALID_ARGUMENT', /value/);
    }
    assert.is(await store.get(key('bad')), undefined);
  });

  onStore(
    subject,
    'utf8 values come back as they went in',
    async (store) => {
      const values = ['', 'plain', '\uFEFFbom', 'é\u{1f600}\0', 'é'.repeat(VALUE_BYTES_MAX / 2)];
      for (const [i, value] of values.entries()) await roundTrips(store, value, i);
      for (const bad of [1, {}, '\ud800', `${'é'.repeat(VALUE_BYTES_MAX / 2)}x`, 'x'.repeat(VALUE_BYTES_MAX + 1)]) {
        const call = () => store.acquire(key('bad'), { owner: 'node-1', ttlMs: LONG_MS, value: bad });
        await rejects(call, 'ERR_HOLDFAST_INVALID_ARGUMENT', /value/);
      }
    },
    { valueEncoding: 'utf8' },
  );

  onStore(
    subject,
    'buffer values are copies both ways',
    async (store) => {
      const values = [0, 1, 3, 4, 5, 300, 900, 1023, 1024, 1025, 3000, VALUE_BYTES_MAX].map((length) =>
        Buffer.from(Array.from({ length }, (_, i) => (i * 7 + length) & 255)),
      );
      for (const [i, value] of values.entries()) await roundTrips(store, value, i);
      const given = Buffer.from([1, 2, 3]);
      const lease = await granted(store.acquire(key('mine'), { owner: 'node-1', ttlMs: LONG_MS, value: given }));
      given[0] = 9;
      (lease.value as Uint8Array)[1] = 9;
      assert.equal((await store.get(key('mine')))?.value, Buffer.from([1, 2, 3]));
      for (const bad of ['text', [1], new Uint8Array(VALUE_BYTES_MAX + 1)]) {
        const call = () => store.acquire(key('bad'), { owner: 'node-1', ttlMs: LONG_MS, value: bad });
        await rejects(call, 'ERR_HOLDFAST_INVALID_ARGUMENT', /value/);
      }
    },
    { valueEncoding: 'buffer' },
  );

  onStore(subject, 'names of every permitted length', async (store) => {
    const longest = { type: 't'.repeat(128), id: 'é'.repeat(128) };
    const owner = '\u{1f600}'.repeat(32);
    const value = 'v'.repeat(VALUE_BYTES_MAX - 2);
    const ttlMs = 49 * 24 * 60 * 60 * 1000;
    const lease = await granted(store.acquire(longest, { owner, ttlMs, value }));
    assert.equal(await store.get(longest), lease);
    assert.equal(lease.key, longest);
    assert.is(lease.owner, owner);
    assert.is(await store.count({ owner, type: longest.type, lte: longest.id }), 1);
    const shortest = { type: '\u0001', id: ' ' };
    const brief = await granted(store.acquire(shortest, { owner: '0', ttlMs: 1 }));
    assert.is(brief.ttlMs, 1);
    assert.ok((await store.release(lease)).ok);
  });
}
