import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Acknowledgements, AcknowledgementWriter } from '../../../src/cli/demo/acknowledgements.js';
import { rank } from '../../../src/cli/demo/latency.js';
import { judge } from '../../../src/cli/demo/proof.js';
import { table } from '../../../src/cli/demo/table.js';
import { actor } from '../../../src/cli/demo/workload.js';
import type { Lease } from '../../../src/index.js';
import { seed } from '../../support/env.js';
import { Random } from '../../support/tree-random.js';

const PROMISE = { index: 0, token: 1000, expiresAtMs: 5000, renewals: 3 };

function found(fields: Partial<Lease>): Lease {
  const key = { type: 't', id: 'i' };
  return { key, owner: 'o', token: 1000, expiresAtMs: 5000, ttlMs: 10, acquiredAtMs: 1, renewals: 3, ...fields };
}

function fails(lease: Lease | undefined, why: RegExp): void {
  assert.match(judge(PROMISE, lease) ?? 'nothing is wrong', why);
}

test('what was acknowledged, or the one state after it, is all that passes', () => {
  assert.is(judge(PROMISE, found({})), undefined);
  assert.is(judge(PROMISE, found({ renewals: 4, expiresAtMs: 5001 })), undefined);
  assert.is(judge(PROMISE, found({ renewals: 4 })), undefined);
  fails(undefined, /not there/);
  fails(found({ token: 999 }), /token 1000, found 999/);
  fails(found({ token: 1001 }), /token 1000, found 1001/);
  fails(found({ expiresAtMs: 4999 }), /until 5000, found until 4999/);
  fails(found({ expiresAtMs: 5001 }), /until 5000, found until 5001/);
  fails(found({ renewals: 4, expiresAtMs: 4999 }), /until 5000/);
  fails(found({ renewals: 2 }), /3 renewals, found after 2/);
  fails(found({ renewals: 5, expiresAtMs: 6000 }), /3 renewals, found after 5/);
});

test('acknowledgements come through a pipe however it cuts them; one that was cut off does not count', () => {
  const random = new Random(seed);
  const writer = new AcknowledgementWriter();
  const sent = Array.from({ length: 1000 }, (_, i) => ({
    index: random.below(300),
    token: 1.7e15 + i,
    expiresAtMs: 1.7e12 + i,
    renewals: random.below(2 ** 31),
  }));
  for (const acknowledged of sent) writer.add(acknowledged);
  const bytes = Buffer.from(writer.take());
  assert.is(writer.take().length, 0);
  const received = new Acknowledgements(10);
  for (let at = 0; at < bytes.length - 1; ) {
    const end = Math.min(bytes.length - 1, at + 1 + random.below(100));
    received.receive(bytes.subarray(at, end));
    at = end;
  }
  assert.is(received.received, sent.length - 1);
  const last = new Map(sent.slice(0, -1).map((acknowledged) => [acknowledged.index, acknowledged]));
  for (let index = 0; index < 300; index++) assert.equal(received.of(index), last.get(index));
  received.receive(bytes.subarray(-1));
  assert.equal(received.of(sent[999].index), sent[999]);
});

test('actors are the same for one seed, and all different', () => {
  const ids = new Set(Array.from({ length: 100_000 }, (_, i) => actor(1, i).id));
  assert.is(ids.size, 100_000);
  assert.match(actor(1, 0).id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(actor(1, 77), actor(1, 77));
  assert.is.not(actor(1, 77).id, actor(2, 77).id);
});

test('percentiles are values that were measured', () => {
  const sorted = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  assert.equal([rank(sorted, 0.5), rank(sorted, 0.95), rank(sorted, 0.99), rank(sorted, 1)], [50, 95, 99, 100]);
  assert.is(rank(Float64Array.of(7), 0.5), 7);
  assert.ok(Number.isNaN(rank(new Float64Array(0), 0.5)));
});

test('the table has its columns one below the other', () => {
  const lines = table([
    { what: 'a', target: '< 5', measured: '1' },
    { what: 'longer', measured: '22', how: 'so' },
  ]).split('\n');
  assert.is(lines.length, 4);
  assert.is(lines[2].indexOf('1'), lines[3].indexOf('22'));
  assert.is(lines[0].indexOf('measured here'), lines[2].indexOf('1'));
});

test.run();
