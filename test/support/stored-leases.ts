import * as assert from 'uvu/assert';
import { Key } from '../../src/key.js';
import { NodeAllocator } from '../../src/memory/allocator.js';
import type { Slabs } from '../../src/memory/slabs.js';
import { checkCommit } from '../../src/recovery/check.js';
import { NodeSet } from '../../src/memory/node-set.js';
import { LeaseTable, type Roots } from '../../src/table/lease-table.js';
import { Cursor } from '../../src/tree/cursor.js';

/** A lease as it is stored, with nothing left out. */
export interface StoredLease {
  readonly owner: string;
  readonly token: number;
  readonly expiresAtMs: number;
  readonly ttlMs: number;
  readonly renewals: number;
  readonly value: string | undefined;
}

/** Every lease of one commit by its key (`type/id`), after a check that its trees are sound and agree. */
export function storedLeases(
  slabs: Slabs,
  roots: Roots,
  reach: (id: number) => boolean = new NodeSet().add,
): Map<string, StoredLease> {
  checkCommit(slabs, roots, reach);
  const table = new LeaseTable(slabs, new NodeAllocator(slabs, 0), roots);
  const leases = new Map<string, StoredLease>();
  const owned = new Key();
  for (const key of keysOf(slabs, roots.leases)) {
    assert.ok(table.find(key), `a key of a leaf is found again: ${textOf(key)}`);
    leases.set(textOf(key), {
      owner: utf8(table.names.nameOf(table.ownerRef)),
      token: table.token,
      expiresAtMs: table.expiresAtMs,
      ttlMs: table.ttlMs,
      renewals: table.renewals,
      value: table.value === undefined ? undefined : utf8(table.value),
    });
    assert.ok(table.owners.find(owned.setNumberPrefixed(table.ownerRef, key)), `an owner has ${textOf(key)}`);
  }
  const owners = new Set([...leases.values()].map(({ owner }) => owner));
  assert.is(roots.nameCount, owners.size * 2, 'names of owners that hold something, and no others');
  return leases;
}

function* keysOf(slabs: Slabs, root: number): Generator<Key> {
  const cursor = new Cursor(slabs).start(root, undefined, undefined, false);
  while (cursor.nextRun()) {
    for (let slot = cursor.low; slot < cursor.high; slot++) yield cursor.leaf.readKey(slot, new Key());
  }
}

function textOf(key: Key): string {
  return utf8(key.toBytes()).replace('\0', '/');
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
