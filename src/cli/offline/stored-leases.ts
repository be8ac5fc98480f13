import { OWNER_REF } from '../../../native-layout/lease-record.js';
import { decodeLease } from '../../client/reads/decoder.js';
import { RunTexts } from '../../client/reads/run-texts.js';
import type { Lease } from '../../lease.js';
import { Cursor } from '../../tree/cursor.js';
import type { ValueCodec } from '../../value-codec.js';
import type { LoadedShard } from './store-files.js';

/** All leases of a shard in key order, expired ones that were not swept yet among them. */
export function* storedLeases<V>({ slabs, recovered }: LoadedShard, codec: ValueCodec<V>): Generator<Lease<V>> {
  const { table } = recovered;
  const cursor = new Cursor(slabs).start(table.roots.leases, undefined, undefined, false);
  const { leaf } = cursor;
  const texts = new RunTexts(leaf, 0, Number.POSITIVE_INFINITY);
  const owners = new Map<number, string>();
  while (cursor.nextRun()) {
    const { low, high } = cursor;
    texts.begin(low, high, false);
    for (let slot = low; slot < high; slot++) {
      const ref = leaf.words[leaf.payloadAt(slot) + OWNER_REF];
      let owner = owners.get(ref);
      if (owner === undefined) {
        owner = Buffer.from(table.names.nameOf(ref)).toString('utf8');
        owners.set(ref, owner);
      }
      yield decodeLease(leaf, slot, texts.type(slot), texts.id(slot), owner, codec);
    }
  }
}
