import * as layout from '../../../native-layout/lease-record.js';
import type { Lease } from '../../lease.js';
import { acquiredAtMs } from '../../lease-times.js';
import { Node } from '../../tree/node.js';
import { readValue } from '../../tree/values.js';
import type { ValueCodec } from '../../value-codec.js';

/** The lease in a slot of a leaf, as a value of the caller's own. */
export function decodeLease<V>(
  leaf: Node,
  slot: number,
  type: string,
  id: string,
  owner: string,
  codec: ValueCodec<V>,
): Lease<V> {
  const { words } = leaf;
  const at = leaf.payloadAt(slot);
  const token = layout.u53(words, at + layout.TOKEN);
  const expiresAtMs = layout.u53(words, at + layout.EXPIRES_AT);
  const ttlMs = words[at + layout.TTL];
  const lease: { -readonly [Name in keyof Lease<V>]: Lease<V>[Name] } = {
    key: { type, id },
    owner,
    token,
    expiresAtMs,
    ttlMs,
    acquiredAtMs: acquiredAtMs(token, expiresAtMs, ttlMs),
    renewals: words[at + layout.RENEWALS],
  };
  if (leaf.payloadWords(slot) > layout.LEASE_WORDS) lease.value = decodeValue(leaf, slot, codec) as V;
  return lease;
}

/** The value of the lease in a slot, copied out of shared memory first. */
export function decodeValue<V>(leaf: Node, slot: number, codec: ValueCodec<V>): V | undefined {
  if (leaf.payloadWords(slot) === layout.LEASE_WORDS) return undefined;
  const { words, bytes } = leaf;
  const at = leaf.payloadAt(slot);
  const size = words[at + layout.VALUE_SIZE];
  const length = size & layout.VALUE_SIZE_MASK;
  const start = at + layout.VALUE_START;
  if ((size & layout.VALUE_IN_NODES) === 0) return codec.decode(bytes.slice(start * 4, start * 4 + length));
  return codec.decode(readValue(new Node(leaf.slabs), words[start], new Uint8Array(length)));
}
