import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { load, sampleOf } from '../../bench/population.js';
import { CONTROL, openerOf, SUBJECTS } from '../../bench/subjects.js';
import { actor, NODES, nodeOf, TYPES } from '../../src/cli/demo/workload.js';
import { seed, temporaryDirectory } from '../support/env.js';

/*
 * A peer that skipped half of the rows would look fast. Each subject must hold what it was given and hand out as much as
 * every other.
 */

const LEASES = 1000;
const TTL_MS = 600_000;

const root = temporaryDirectory();
const indexes = Array.from({ length: LEASES }, (_, i) => i);
const ofType = (type: string, of = LEASES + 1) =>
  Array.from({ length: of }, (_, i) => i).filter((i) => actor(seed, i).type === type);

for (const name of SUBJECTS) {
  if (name === CONTROL) continue;
  test(`${name} holds what it was given, and hands all of it out`, async () => {
    const open = await openerOf(name);
    const setup = { directory: mkdtempSync(join(root, 'subject-')), durability: 'written' as const, seed, options: {} };
    let subject: Awaited<ReturnType<typeof open>>;
    try {
      subject = await open({ ...setup, tokens: new Float64Array(LEASES) });
    } catch (error) {
      // Node 20 has no SQLite of its own. Whatever else is missing here is declared and must be there.
      assert.is(name, 'sqlite');
      assert.match(String(error), /SQLite takes Node 22/);
      return;
    }
    await load(subject, LEASES, TTL_MS, () => {});
    subject.hold(sampleOf(seed, LEASES));

    const order = Uint32Array.from(indexes);
    const before = expiryOf(await subject.get(10));
    assert.ok(before > Date.now() + TTL_MS / 2);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await subject.renew(10);
    await subject.renewMany(order, 100, 600);
    assert.ok(expiryOf(await subject.get(10)) > before, 'a renewal shows');
    assert.ok(expiryOf(await subject.get(599)) > before, 'and so does the last of a batch');

    await subject.acquire(LEASES, TTL_MS);
    const type = TYPES[3];
    assert.is(await subject.count(type), ofType(type).length);
    assert.is(await subject.all({ type }), ofType(type).length);
    const ofNode = indexes.concat(LEASES).filter((i) => nodeOf(i) === NODES[2]).length;
    assert.is(await subject.all({ owner: NODES[2] }), ofNode);
    if (subject.visit !== undefined) assert.is(subject.visit(type), ofType(type).length);

    const ids = ofType(type, LEASES)
      .map((i) => actor(seed, i).id)
      .sort();
    const third = indexes.find((i) => actor(seed, i).id === ids[2] && actor(seed, i).type === type)!;
    assert.is(await subject.scan(third, 10), 10);
    assert.is(await subject.scan(third, 1000), ofType(type).filter((i) => actor(seed, i).id >= ids[2]).length);
    await subject.checkpoint?.();
    await subject.close();
  });
}

/** Under the names that engines, peers and SQL columns share. */
function expiryOf(lease: unknown): number {
  return Number((lease as { readonly expiresAtMs: number }).expiresAtMs);
}

test.run();
