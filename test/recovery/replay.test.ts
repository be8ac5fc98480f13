import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Key, KeyEncoder } from '../../src/key.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import { Slabs } from '../../src/memory/slabs.js';
import { Replay } from '../../src/recovery/replay.js';
import { LeaseTable } from '../../src/table/lease-table.js';
import { storedLeases } from '../support/stored-leases.js';

const EMPTY = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };
const key = new KeyEncoder().encode(new Key(), { type: 'chat', id: '1' });
const other = new KeyEncoder().encode(new Key(), { type: 'chat', id: '2' });
const owner = Buffer.from('n1');

function begin(memoryBytes = 1 << 20): { replay: Replay; leases: () => ReturnType<typeof storedLeases> } {
  const slabs = Slabs.reserve(2048, memoryBytes);
  const allocator = new NodeAllocator(slabs, 0);
  const table = new LeaseTable(slabs, allocator, EMPTY);
  const replay = new Replay(table, slabs, allocator, 500);
  return { replay, leases: () => storedLeases(slabs, table.roots) };
}

test('a record that changes a grant which is not there, or another one, is corruption', () => {
  const { replay, leases } = begin();
  replay.grant(1, key, owner, 100, 5000, 1000, 0, undefined);
  const before = leases();
  for (const change of [
    () => replay.renew(2, key, 99, 6000, 1000, 1, undefined),
    () => replay.renew(2, key, 101, 6000, 1000, 1, undefined),
    () => replay.renew(2, other, 100, 6000, 1000, 1, undefined),
    () => replay.remove(2, key, 99, 'released'),
    () => replay.remove(2, other, 100, 'expired'),
  ]) {
    assert.throws(change, (error: { code?: string; message: string }) => {
      return error.code === 'ERR_HOLDFAST_CORRUPT' && /record 2 changes a grant/.test(error.message);
    });
    assert.equal(leases(), before);
  }
  replay.renew(2, key, 100, 6000, 1000, 1, undefined);
  replay.remove(3, key, 100, 'released');
  assert.is(leases().size, 0);
});

test('the floor is above every token and the last ceiling', () => {
  const { replay } = begin();
  assert.is(replay.tokenFloor, 500);
  replay.ceiling(1, 400);
  assert.is(replay.tokenFloor, 400);
  replay.grant(2, key, owner, 700, 5000, 1000, 0, undefined);
  assert.is(replay.tokenFloor, 700);
  replay.remove(3, key, 700, 'expired');
  assert.is(replay.tokenFloor, 700, 'a token stays used when its lease is gone');
  replay.ceiling(4, 900);
  assert.is(replay.tokenFloor, 900);
});

test('more leases than memory holds end replay with a typed error', () => {
  const { replay } = begin(1 << 16);
  const encoder = new KeyEncoder();
  const fill = () => {
    for (let i = 0; i < 5000; i++) {
      replay.grant(i + 1, encoder.encode(new Key(), { type: 'chat', id: `${i}` }), owner, i + 1, 1, 1, 0, undefined);
    }
  };
  assert.throws(fill, (error: { code?: string }) => error.code === 'ERR_HOLDFAST_FULL');
});

test.run();
