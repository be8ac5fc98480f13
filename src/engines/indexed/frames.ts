import { Key } from '../../key.js';
import type { FrameBuilder } from '../../wal/frame-builder.js';
import { type ByteText, bytesOf } from '../semantics/byte-text.js';
import type { LeaseRecord } from '../semantics/lease-record.js';
import type { Change } from '../semantics/rules.js';

/** Puts leases and changes into log frames. */
export class FrameFiller {
  readonly #key = new Key();
  #owner: ByteText = '';
  #ownerBytes: Uint8Array = new Uint8Array(0);

  /** `wholeRenewals`: a renewal is logged as the grant that it makes, so that replay needs nothing older. */
  change(frame: FrameBuilder, change: Change, wholeRenewals: boolean): void {
    if (change.kind === 'remove') {
      frame.remove(this.#keyOf(change.key), change.token, change.reason);
      return;
    }
    const { record, newValue } = change;
    if (change.kind === 'grant' || wholeRenewals) {
      this.grant(frame, change.key, record);
      return;
    }
    const { token, expiresAtMs, ttlMs, renewals, value } = record;
    frame.renew(this.#keyOf(change.key), token, expiresAtMs, ttlMs, renewals, newValue ? value : undefined);
  }

  grant(frame: FrameBuilder, key: ByteText, record: LeaseRecord): void {
    const { owner, token, expiresAtMs, ttlMs, renewals, value } = record;
    // Owners recur.
    if (owner !== this.#owner) {
      this.#owner = owner;
      this.#ownerBytes = bytesOf(owner);
    }
    frame.grant(this.#keyOf(key), this.#ownerBytes, token, expiresAtMs, ttlMs, renewals, value);
  }

  #keyOf(key: ByteText): Key {
    return this.#key.setBytes(bytesOf(key));
  }
}
