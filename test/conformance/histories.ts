import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Lease } from '../../src/lease.js';
import { scaled, seed } from '../support/env.js';
import { type AnyStore, collect, compareKeys, LONG_MS, newDirectory, type Subject } from './subject.js';

const OWNERS = ['node-1', 'node-2', 'node-3'];
const KEYS = ['a', 'ab', 'b'].flatMap((type) =>
  ['0', '00000000-0000-4000-8000-000000000001', 'é', '\uffff', '\u{1f600}'].map((id) => ({ type, id })),
);

/** The plainest store there is. */
interface Model {
  readonly leases: Map<number, Lease>;
  tokenMax: number;
}

interface Real {
  store: AnyStore;
  readonly reopen: () => Promise<AnyStore>;
}

type Step = fc.AsyncCommand<Model, Real>;

/** Which of the tokens around a key's stored one a step uses: older, the same, newer. */
const tokenShift = fc.constantFrom(0, 0, 0, -1, 1);
const keyIndex = fc.nat(KEYS.length - 1);
const ownerName = fc.constantFrom(...OWNERS);
const value = fc.option(fc.jsonValue({ maxDepth: 1 }), { nil: undefined });

function step(name: string, run: (model: Model, real: Real) => Promise<void>): Step {
  return { check: () => true, run, toString: () => name };
}

const tokenOf = (model: Model, i: number, shift: number): number =>
  Math.max(0, (model.leases.get(i)?.token ?? model.tokenMax) + shift);

/** As a token tells it, and never after the last grant or renewal. */
const acquiredAtMs = (token: number, expiresAtMs: number, ttlMs: number): number =>
  Math.min(Math.floor(token / 1000), expiresAtMs - ttlMs);

const judge = (stored: Lease | undefined, token: number): string =>
  stored === undefined || token > stored.token ? 'unknown' : token < stored.token ? 'superseded' : 'ok';

const acquire = fc
  .record({ i: keyIndex, owner: ownerName, value, shift: fc.option(tokenShift, { nil: undefined }) })
  .map(({ i, owner, value: given, shift }) =>
    step(`acquire ${i} by ${owner}${shift === undefined ? '' : ` over ${shift}`}`, async (model, { store }) => {
      const stored = model.leases.get(i);
      const previous = shift === undefined ? undefined : tokenOf(model, i, shift);
      const outcome = await store.acquire(KEYS[i], {
        owner,
        ttlMs: LONG_MS,
        ...(given === undefined ? {} : { value: given }),
        ...(previous === undefined ? {} : { previous }),
      });
      const free =
        previous === undefined ? stored === undefined || stored.owner === owner : previous === (stored?.token ?? 0);
      if (!free) {
        const refusal =
          stored === undefined ? { ok: false, reason: 'changed' } : { ok: false, reason: 'held', current: stored };
        assert.equal(outcome, refusal);
        return;
      }
      assert.ok(outcome.ok);
      const { lease } = outcome as { lease: Lease };
      assert.ok(lease.token > (stored?.token ?? 0));
      assert.equal([lease.owner, lease.renewals, lease.value], [owner, 0, given]);
      model.leases.set(i, lease);
      model.tokenMax = Math.max(model.tokenMax, lease.token);
    }),
  );

const renew = fc
  .record({
    i: keyIndex,
    shift: tokenShift,
    value,
    ttlMs: fc.option(fc.integer({ min: LONG_MS, max: 2 * LONG_MS }), { nil: undefined }),
  })
  .map(({ i, shift, value: given, ttlMs }) =>
    step(`renew ${i} with ${shift}`, async (model, { store }) => {
      const stored = model.leases.get(i);
      const token = tokenOf(model, i, shift);
      const outcome = await store.renew(
        { key: KEYS[i], token },
        { ...(ttlMs === undefined ? {} : { ttlMs }), ...(given === undefined ? {} : { value: given }) },
      );
      const expected = judge(stored, token);
      if (!outcome.ok) {
        assert.is(outcome.reason, expected);
        return;
      }
      assert.is(expected, 'ok');
      const before = stored as Lease;
      const { expiresAtMs } = outcome;
      const newTtlMs = ttlMs ?? before.ttlMs;
      model.leases.set(i, {
        ...before,
        expiresAtMs,
        ttlMs: newTtlMs,
        acquiredAtMs: acquiredAtMs(before.token, expiresAtMs, newTtlMs),
        renewals: before.renewals + 1,
        ...(given === undefined ? {} : { value: given }),
      });
    }),
  );

const release = fc.record({ i: keyIndex, shift: tokenShift }).map(({ i, shift }) =>
  step(`release ${i} with ${shift}`, async (model, { store }) => {
    const stored = model.leases.get(i);
    const token = tokenOf(model, i, shift);
    const outcome = await store.release({ key: KEYS[i], token });
    assert.is(outcome.ok ? 'ok' : outcome.reason, judge(stored, token));
    if (outcome.ok) model.leases.delete(i);
  }),
);

const releaseOwner = ownerName.map((owner) =>
  step(`releaseOwner ${owner}`, async (model, { store }) => {
    const held = [...model.leases].filter(([, lease]) => lease.owner === owner);
    assert.equal(await store.releaseOwner(owner), { released: held.length });
    for (const [i] of held) model.leases.delete(i);
  }),
);

const importOne = fc
  .record({ i: keyIndex, owner: ownerName, shift: fc.integer({ min: -2, max: 2 }) })
  .map(({ i, owner, shift }) =>
    step(`import ${i} with ${shift}`, async (model, { store }) => {
      const token = Math.max(1, tokenOf(model, i, shift));
      const expiresAtMs = Date.now() + LONG_MS;
      const lease: Lease = {
        key: KEYS[i],
        owner,
        token,
        expiresAtMs,
        ttlMs: LONG_MS,
        acquiredAtMs: acquiredAtMs(token, expiresAtMs, LONG_MS),
        renewals: 3,
      };
      const stored = model.leases.get(i);
      const taken = token > (stored?.token ?? 0) || (token === stored?.token && stored.renewals < lease.renewals);
      assert.equal(await store.import([lease]), { imported: taken ? 1 : 0 });
      if (!taken) return;
      model.leases.set(i, lease);
      model.tokenMax = Math.max(model.tokenMax, token);
    }),
  );

const compare = fc.constant(0).map(() =>
  step('compare', async (model, { store }) => {
    const expected = [...model.leases.values()].sort((a, b) => compareKeys(a.key, b.key));
    assert.equal(await collect(store.range()), expected);
    for (const owner of OWNERS) {
      const held = expected.filter((lease) => lease.owner === owner);
      assert.equal(await collect(store.range({ owner })), held);
      assert.is(await store.count({ owner }), held.length);
    }
    for (const [i, each] of KEYS.entries()) {
      const lease = model.leases.get(i);
      assert.equal(await store.get(each), lease);
      assert.is(await store.check(each, lease?.token ?? 1), lease !== undefined);
    }
  }),
);

const reopen = fc.constant(0).map(() =>
  step('reopen', async (_, real) => {
    await real.store.close();
    real.store = await real.reopen();
  }),
);

const checkpoint = fc.constant(0).map(() => step('checkpoint', (_, { store }) => store.checkpoint()));

/** Any history of calls answers as the plainest model does, restarts and checkpoints in between. */
export function historiesConform(subject: Subject): void {
  const arbitraries = [acquire, acquire, acquire, renew, renew, release, releaseOwner, importOne, compare, checkpoint];
  if (subject.supports.persistence) arbitraries.push(reopen);
  test(`${subject.name}: any history answers as a plain map would`, async () => {
    const property = fc.asyncProperty(fc.commands(arbitraries, { maxCommands: 120, size: 'max' }), async (steps) => {
      const options = { engine: subject.name, directory: newDirectory() };
      const real: Real = { store: await subject.open(options), reopen: () => subject.open(options) };
      const model: Model = { leases: new Map(), tokenMax: 0 };
      try {
        await fc.asyncModelRun(() => ({ model, real }), steps);
        await fc.asyncModelRun(() => ({ model, real }), fc.sample(compare, 1));
      } finally {
        await real.store.close();
      }
    });
    await fc.assert(property, { seed, numRuns: scaled(3, 100), endOnFailure: subject.supports.persistence });
  });
}
