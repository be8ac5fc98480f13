import { fields } from '../../../native-layout/fields.js';

const f = fields();
const INDEX_AT = f.u32('actor');
const RENEWALS_AT = f.u32('renewals');
const TOKEN_AT = f.cell64('token');
const EXPIRES_AT = f.cell64('deadline');
const BYTES = f.end(8);

/** What the store acknowledged for one actor. */
export interface Acknowledged {
  /** Number of the actor. */
  readonly index: number;
  readonly token: number;
  readonly expiresAtMs: number;
  /** How often the grant had been renewed. */
  readonly renewals: number;
}

/** Collects acknowledgements into the bytes that go through the pipe. */
export class AcknowledgementWriter {
  #bytes = Buffer.alloc(BYTES * 256);
  #used = 0;

  add({ index, token, expiresAtMs, renewals }: Acknowledged): void {
    if (this.#used === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#used)]);
    const at = this.#used;
    this.#bytes.writeUInt32LE(index, at + INDEX_AT);
    this.#bytes.writeUInt32LE(renewals, at + RENEWALS_AT);
    this.#bytes.writeDoubleLE(token, at + TOKEN_AT);
    this.#bytes.writeDoubleLE(expiresAtMs, at + EXPIRES_AT);
    this.#used += BYTES;
  }

  /** What was added since the last call; good until the next {@link add}. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#used);
    this.#used = 0;
    return bytes;
  }
}

/**
 * The last acknowledged state of every actor: what the store owes. Each acknowledgement of an actor must come after the
 * one before it; the player sees to that.
 */
export class Acknowledgements {
  #tokens: Float64Array;
  #deadlines: Float64Array;
  #renewals: Uint32Array;
  /** One more than the highest actor that was heard of. */
  size = 0;
  /** Acknowledgements that came through the pipe. */
  received = 0;
  #rest: Buffer = Buffer.alloc(0);

  /** `capacity`: for how many actors to make room at first. */
  constructor(capacity: number) {
    this.#tokens = new Float64Array(capacity);
    this.#deadlines = new Float64Array(capacity);
    this.#renewals = new Uint32Array(capacity);
  }

  note({ index, token, expiresAtMs, renewals }: Acknowledged): void {
    if (index >= this.#tokens.length) this.#grow(index + 1);
    this.#tokens[index] = token;
    this.#deadlines[index] = expiresAtMs;
    this.#renewals[index] = renewals;
    this.size = Math.max(this.size, index + 1);
  }

  /** Takes in bytes as they come out of the pipe; an acknowledgement that was cut off does not count. */
  receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (; at + BYTES <= bytes.length; at += BYTES) {
      this.note({
        index: bytes.readUInt32LE(at + INDEX_AT),
        renewals: bytes.readUInt32LE(at + RENEWALS_AT),
        token: bytes.readDoubleLE(at + TOKEN_AT),
        expiresAtMs: bytes.readDoubleLE(at + EXPIRES_AT),
      });
      this.received++;
    }
    this.#rest = bytes.subarray(at);
  }

  /** The last state that an actor was acknowledged in; undefined if it never was. */
  of(index: number): Acknowledged | undefined {
    const token = this.#tokens[index];
    // Tokens start far above zero.
    if (token === undefined || token === 0) return undefined;
    return { index, token, expiresAtMs: this.#deadlines[index], renewals: this.#renewals[index] };
  }

  #grow(needed: number): void {
    const capacity = Math.max(needed, Math.ceil(this.#tokens.length * 1.5));
    const tokens = new Float64Array(capacity);
    const deadlines = new Float64Array(capacity);
    const renewals = new Uint32Array(capacity);
    tokens.set(this.#tokens);
    deadlines.set(this.#deadlines);
    renewals.set(this.#renewals);
    this.#tokens = tokens;
    this.#deadlines = deadlines;
    this.#renewals = renewals;
  }
}
