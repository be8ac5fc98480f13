import { fields } from '../../../native-layout/fields.js';

const f = fields();
const INDEX_AT = f.u32('actor');
f.align(8);
const TOKEN_AT = f.cell64('token');
const EXPIRES_AT = f.cell64('deadline');
const BYTES = f.end(8);

/** What the store acknowledged for one actor. */
export interface Acknowledged {
  readonly index: number;
  readonly token: number;
  readonly expiresAtMs: number;
}

export function encodeAcknowledgement({ index, token, expiresAtMs }: Acknowledged): Buffer {
  const bytes = Buffer.alloc(BYTES);
  bytes.writeUInt32LE(index, INDEX_AT);
  bytes.writeDoubleLE(token, TOKEN_AT);
  bytes.writeDoubleLE(expiresAtMs, EXPIRES_AT);
  return bytes;
}

/** Takes acknowledgements apart as they come out of a pipe; a last one that was cut off does not count. */
export class AcknowledgementReader {
  /** The last acknowledged state of each actor. */
  readonly last = new Map<number, Acknowledged>();
  count = 0;
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (; at + BYTES <= bytes.length; at += BYTES) {
      const index = bytes.readUInt32LE(at + INDEX_AT);
      const token = bytes.readDoubleLE(at + TOKEN_AT);
      const expiresAtMs = bytes.readDoubleLE(at + EXPIRES_AT);
      const before = this.last.get(index);
      // Answers to two renewals under way at once may come in any order.
      if (before === undefined || before.token < token || before.expiresAtMs < expiresAtMs) {
        this.last.set(index, { index, token, expiresAtMs });
      }
      this.count++;
    }
    this.#rest = bytes.subarray(at);
  }
}
