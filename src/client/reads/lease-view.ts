import * as layout from '../../../native-layout/lease-record.js';
import { LeaseStoreError } from '../../errors.js';
import type { Lease, LeaseView } from '../../lease.js';
import { acquiredAtMs } from '../../lease-times.js';
import type { ValueCodec } from '../../value-codec.js';
import { decodeLease, decodeValue } from './decoder.js';
import type { ShardScan } from './scan.js';

/** The one reused view of a `forEach`: its accessors read the node that the scan stands on. */
export class ScanView<V> implements LeaseView<V> {
  readonly #codec: ValueCodec<V>;
  #scan: ShardScan | undefined;

  constructor(codec: ValueCodec<V>) {
    this.#codec = codec;
  }

  moveTo(scan: ShardScan): this {
    this.#scan = scan;
    return this;
  }

  /** The visit is over: whoever kept the view must not read what is there next. */
  end(): void {
    this.#scan = undefined;
  }

  get type(): string {
    return this.#at.type;
  }

  get id(): string {
    return this.#at.id;
  }

  get owner(): string {
    return this.#at.owner;
  }

  get token(): number {
    const { leaf, slot } = this.#at;
    return layout.u53(leaf.words, leaf.payloadAt(slot) + layout.TOKEN);
  }

  get expiresAtMs(): number {
    return this.#at.expiresAtMs;
  }

  get ttlMs(): number {
    const { leaf, slot } = this.#at;
    return leaf.words[leaf.payloadAt(slot) + layout.TTL];
  }

  get acquiredAtMs(): number {
    return acquiredAtMs(this.token, this.expiresAtMs, this.ttlMs);
  }

  get renewals(): number {
    const { leaf, slot } = this.#at;
    return leaf.words[leaf.payloadAt(slot) + layout.RENEWALS];
  }

  get value(): V | undefined {
    const { leaf, slot } = this.#at;
    return decodeValue(leaf, slot, this.#codec);
  }

  toLease(): Lease<V> {
    const { leaf, slot, type, id, owner } = this.#at;
    return decodeLease(leaf, slot, type, id, owner, this.#codec);
  }

  get #at(): ShardScan {
    if (this.#scan !== undefined) return this.#scan;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_CLOSED',
      'a lease view is only good inside the callback that it was handed to; use toLease() to keep what it shows',
    );
  }
}
