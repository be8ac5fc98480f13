import * as layout from '../../../native-layout/lease-record.js';
import { LeaseStoreError } from '../../errors.js';
import type { Lease, LeaseView } from '../../lease.js';
import { acquiredAtMs, type LeaseDecoder } from './decoder.js';
import type { ShardScan } from './scan.js';

/** The one reused view of a `forEach`: its accessors read the node that the scan stands on. */
export class ScanView<V> implements LeaseView<V> {
  readonly #decoder: LeaseDecoder<V>;
  #scan: ShardScan | undefined;
  #pin = 0;

  constructor(decoder: LeaseDecoder<V>) {
    this.#decoder = decoder;
  }

  moveTo(scan: ShardScan, pin: number): this {
    this.#scan = scan;
    this.#pin = pin;
    return this;
  }

  /** The visit is over: whoever kept the view must not read what is there next. */
  end(): void {
    this.#scan = undefined;
  }

  get type(): string {
    return this.#decoder.typeOf(this.#at.key);
  }

  get id(): string {
    return this.#decoder.idOf(this.#at.key);
  }

  get owner(): string {
    const { leaf, slot, view } = this.#at;
    return view.ownerName(this.#pin, leaf.words[leaf.payloadAt(slot) + layout.OWNER_REF]);
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
    return this.#decoder.value(leaf, slot);
  }

  toLease(): Lease<V> {
    const { view, leaf, slot } = this.#at;
    return this.#decoder.decode(view, this.#pin, leaf, slot, this.type, this.id);
  }

  get #at(): ShardScan {
    if (this.#scan !== undefined) return this.#scan;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_CLOSED',
      'a lease view is only good inside the callback that it was handed to; use toLease() to keep what it shows',
    );
  }
}
