import { ID_BYTES_MAX, UUID_TEXT_BYTES } from '../../../native-layout/format.js';
import { HEAD_BYTES, suffixBytesOf } from '../../../native-layout/node.js';
import { Key, writeUuidText } from '../../key.js';
import type { Node } from '../../tree/node.js';

/** Ids that are made into text together, at most. */
const AHEAD_MAX = 64;

/** Where the bytes of ids are put together: text decoders refuse shared memory. Nothing stays in it between calls. */
const scratch = Buffer.alloc(AHEAD_MAX * ID_BYTES_MAX + HEAD_BYTES);

/**
 * The types and ids of the keys that a scan goes over, as text. Decoding one long text and slicing it costs a fraction
 * of decoding many short ones, so the ids of the next slots are made together: as many as are wanted, and where nobody says, more
 * and more as the walk goes on, so that who wants one id pays for one.
 *
 * A key begins with `skip` bytes that are neither: an owner's reference.
 */
export class RunTexts {
  readonly #leaf: Node;
  readonly #skip: number;
  readonly #known: string | undefined;
  readonly #typeText = new TypeText();
  /** Bytes in front of the id if the keys of the leaf share them; 0 if each key must be looked at. */
  #idFrom = 0;
  #type = '';
  /** Walking direction, and the slot at which the run is over. */
  #step = 1;
  #end = 0;
  /** `#text` holds the ids of so many slots, from this one on. */
  #first = 0;
  #count = 0;
  #text = '';
  /** Where each of those ids starts in `#text`, and where the last ends. */
  readonly #starts: number[] = [0];
  #ahead: number;
  /** Its low byte is all bytes that were put in the scratch buffer, or-ed together; digits of UUIDs aside. */
  #seen = 0;
  #key: Key | undefined;

  /** `type`: that of all keys that are walked, if it is known. `wanted`: how many at most. */
  constructor(leaf: Node, skip: number, wanted: number, type?: string) {
    this.#leaf = leaf;
    this.#skip = skip;
    this.#known = type;
    this.#ahead = wanted <= AHEAD_MAX ? wanted : 1;
  }

  /** The leaf moved: of its slots, those from `low` up to `high` are walked next. */
  begin(low: number, high: number, reverse: boolean): void {
    this.#step = reverse ? -1 : 1;
    this.#end = reverse ? low - 1 : high;
    this.#count = 0;
    this.#readPrefix();
  }

  type(slot: number): string {
    if (this.#known !== undefined) return this.#known;
    if (this.#idFrom > 0) return this.#type;
    const { bytes } = this.#readKey(slot);
    return this.#typeText.of(bytes, this.#skip, bytes.indexOf(0, this.#skip));
  }

  id(slot: number): string {
    let i = (slot - this.#first) * this.#step;
    if (i < 0 || i >= this.#count) {
      this.#makeFrom(slot);
      i = 0;
    }
    return this.#text.substring(this.#starts[i], this.#starts[i + 1]);
  }

  #readPrefix(): void {
    const { bytes, prefixAt, prefixBytes } = this.#leaf;
    const from = prefixAt + this.#skip;
    const end = prefixAt + prefixBytes;
    let nul = from;
    while (nul < end && bytes[nul] !== 0) nul++;
    this.#idFrom = nul < end ? nul + 1 - prefixAt : 0;
    if (nul < end && this.#known === undefined) this.#type = this.#typeText.of(bytes, from, nul);
  }

  #makeFrom(first: number): void {
    const count = Math.min((this.#end - first) * this.#step, this.#ahead);
    this.#ahead = Math.min(this.#ahead * 4, AHEAD_MAX);
    const starts = this.#starts;
    this.#seen = 0;
    let end = 0;
    for (let i = 0; i < count; i++) {
      end = this.#put(first + i * this.#step, end);
      starts[i + 1] = end;
    }
    const ascii = (this.#seen & 0x80) === 0;
    this.#text = scratch.toString(ascii ? 'latin1' : 'utf8', 0, end);
    if (!ascii) for (let i = count; i > 0; i--) starts[i] = utf16Units(starts[i]);
    this.#first = first;
    this.#count = count;
  }

  /** Copies the id of a slot to `at`; answers its end. */
  #put(slot: number, at: number): number {
    const leaf = this.#leaf;
    const idFrom = this.#idFrom;
    if (idFrom === 0) {
      const { bytes, length } = this.#readKey(slot);
      return this.#copy(bytes, bytes.indexOf(0, this.#skip) + 1, length, at);
    }
    const { bytes, words, prefixAt, prefixBytes } = leaf;
    const to = this.#copy(bytes, prefixAt + idFrom, prefixAt + prefixBytes, at);
    const head = leaf.head(slot);
    const rest = leaf.payloadAt(slot) + leaf.payloadWords(slot);
    if (leaf.uuidTail) {
      writeUuidText(scratch, to, head, words[rest], words[rest + 1], words[rest + 2]);
      return to + UUID_TEXT_BYTES;
    }
    const suffix = suffixBytesOf(leaf.loc(slot));
    this.#seen |= head | (head >>> 8) | (head >>> 16) | (head >>> 24);
    scratch.writeUInt32BE(head, to);
    if (suffix <= HEAD_BYTES) return to + suffix;
    return this.#copy(bytes, rest * 4, rest * 4 + suffix - HEAD_BYTES, to + HEAD_BYTES);
  }

  #copy(bytes: Uint8Array, from: number, end: number, at: number): number {
    let to = at;
    for (let i = from; i < end; i++) {
      const byte = bytes[i];
      this.#seen |= byte;
      scratch[to++] = byte;
    }
    return to;
  }

  #readKey(slot: number): Key {
    this.#key ??= new Key();
    this.#leaf.readKey(slot, this.#key);
    return this.#key;
  }
}

/** UTF-16 units that the first `end` bytes of the scratch buffer become: one a character, two a long one. */
function utf16Units(end: number): number {
  let units = 0;
  for (let i = 0; i < end; i++) {
    const byte = scratch[i];
    if (byte < 0x80 || byte >= 0xc0) units += byte >= 0xf0 ? 2 : 1;
  }
  return units;
}

/** Shared, for a typed array is dear to make and a short scan needs none. */
const NO_BYTES = new Uint8Array(0);

/** Leaves read one after the other mostly have one type: its text is made once. */
class TypeText {
  #bytes = NO_BYTES;
  #text = '';

  /** The text of the bytes `from` up to `nul`, where a NUL ends them. */
  of(bytes: Uint8Array, from: number, nul: number): string {
    if (this.#isSame(bytes, from, nul)) return this.#text;
    this.#bytes = bytes.slice(from, nul);
    this.#text = Buffer.from(this.#bytes.buffer, 0, nul - from).toString('utf8');
    return this.#text;
  }

  #isSame(bytes: Uint8Array, from: number, nul: number): boolean {
    const known = this.#bytes;
    if (known.length !== nul - from) return false;
    for (let i = 0; i < known.length; i++) if (known[i] !== bytes[from + i]) return false;
    return true;
  }
}
