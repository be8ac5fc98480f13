import * as layout from '../../native-layout/wal-frame.js';
import { assert } from '../assert.js';
import { KeyOrder, placeIn } from '../key-order.js';

/** Enough for each leaf of a million leases to be met four times in a run. */
const RECORDS_MAX = 128 * 1024;
const WORDS_MAX = 16 * RECORDS_MAX;

/**
 * Records that were put aside, each of one key, to be read in about the order of the tree: in the order of the log nearly
 * every record of a large store waits for memory. They are kept as the log has them, and only a key's place is looked at,
 * so that a record which cannot be read may lie anywhere and is found when it is read.
 */
export class RecordRun {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #order = new KeyOrder();
  readonly #starts: Uint32Array;
  readonly #lsns: Float64Array;
  readonly #offsets: Float64Array;
  #end = 0;

  /** `logBytes`: the longest that all records together can be. */
  constructor(logBytes: number) {
    this.words = new Uint32Array(Math.min(Math.ceil(logBytes / 4), WORDS_MAX));
    this.bytes = new Uint8Array(this.words.buffer);
    const records = Math.min(Math.ceil(this.words.length / layout.RECORD_WORDS), RECORDS_MAX);
    this.#starts = new Uint32Array(records);
    this.#lsns = new Float64Array(records);
    this.#offsets = new Float64Array(records);
  }

  hasRoom(words: number): boolean {
    return this.#order.length < this.#starts.length && this.#end + words <= this.words.length;
  }

  /** Copies the record in `words[start, end)`, for which there is room, and whose key lies at word `keyAt`. */
  add(words: Uint32Array, start: number, end: number, keyAt: number, lsn: number, offset: number): void {
    assert(this.hasRoom(end - start), 'a record longer than the log that it is of');
    const i = this.#order.length;
    const target = this.words;
    const to = this.#end;
    for (let word = start; word < end; word++) target[to + word - start] = words[word];
    this.#starts[i] = to;
    this.#lsns[i] = lsn;
    this.#offsets[i] = offset;
    this.#order.add(this.#placeAt(to + keyAt - start));
    this.#end = to + end - start;
  }

  /** The indexes of the records in the order to read them in; those of one key are in the order of the log. */
  order(): Uint32Array {
    return this.#order.order(RECORDS_MAX);
  }

  start(i: number): number {
    return this.#starts[i];
  }

  end(i: number): number {
    const start = this.#starts[i];
    return start + layout.recordWords(this.words[start + layout.RECORD_HEAD]);
  }

  lsn(i: number): number {
    return this.#lsns[i];
  }

  /** Where in its file the record is. */
  offset(i: number): number {
    return this.#offsets[i];
  }

  clear(): void {
    this.#order.clear();
    this.#end = 0;
  }

  #placeAt(keyAt: number): number {
    const { words, bytes } = this;
    const head = words[keyAt];
    const idAt = keyAt + layout.RECORD_KEY_ID;
    if (layout.packedFlagOf(head) === 1) {
      return placeIn(bytes, (idAt + layout.RECORD_UUID_WORDS) * 4, layout.typeBytesOf(head), words[idAt] >>> 16);
    }
    const typeAt = idAt + layout.paddedWords(layout.idBytesOf(head));
    return placeIn(bytes, typeAt * 4, layout.typeBytesOf(head), (bytes[idAt * 4] << 8) | bytes[idAt * 4 + 1]);
  }
}
