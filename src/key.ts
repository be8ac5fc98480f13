import {
  ID_BYTES_MAX,
  OWNER_BYTES_MAX,
  OWNER_REF_BYTES,
  TREE_KEY_BYTES_MAX,
  TYPE_BYTES_MAX,
  UUID_TEXT_BYTES,
} from '../native-layout/format.js';
import { HEAD_BYTES } from '../native-layout/node.js';
import { describeKind, invalidArgument, LeaseStoreError } from './errors.js';
import { asArgumentError } from './own-fields.js';

const KEY_ROOM = TREE_KEY_BYTES_MAX + 1 + HEAD_BYTES;
/** Keys whose bytes are allocated together. */
const KEYS_TOGETHER = 64;
let room = new ArrayBuffer(0);
let roomUsed = 0;

/** Room for a key, out of a larger piece: a range query makes a few keys, and memory of its own for each is dear. */
function keyBytes(): Uint8Array {
  if (roomUsed === room.byteLength) {
    room = new ArrayBuffer(KEYS_TOGETHER * KEY_ROOM);
    roomUsed = 0;
  }
  roomUsed += KEY_ROOM;
  return new Uint8Array(room, roomUsed - KEY_ROOM, KEY_ROOM);
}

/**
 * The bytes of one key, filled in place so that a hot path allocates nothing. A key is compared as bytes; one whose
 * last 36 bytes are a canonical UUID also carries those 36 as four big-endian words, which is how leaves store them.
 */
export class Key {
  /**
   * Four zero bytes follow the key, so that a word can be read at any position up to its end. One byte more than the
   * longest key has room, for a bound just behind it.
   */
  readonly bytes = keyBytes();
  length = 0;
  /** Where the canonical UUID at the end starts, or -1. */
  uuidAt = -1;
  u0 = 0;
  u1 = 0;
  u2 = 0;
  u3 = 0;

  /** Takes any bytes, and finds out whether they end in a UUID. */
  setBytes(source: Uint8Array, from = 0, to: number = source.length): this {
    for (let i = from; i < to; i++) this.bytes[i - from] = source[i];
    return this.setLength(to - from);
  }

  /** Says how many bytes of `bytes` count, after somebody wrote them there. */
  setLength(length: number): this {
    this.#end(length);
    this.uuidAt = -1;
    if (length >= UUID_TEXT_BYTES) this.#detectUuid(length - UUID_TEXT_BYTES);
    return this;
  }

  setNumberPrefixed(ref: number, other: Key): this {
    const bytes = this.bytes;
    putRef(bytes, ref);
    const source = other.bytes;
    const length = other.length;
    for (let i = 0; i < length; i++) bytes[OWNER_REF_BYTES + i] = source[i];
    this.#end(OWNER_REF_BYTES + length);
    this.uuidAt = other.uuidAt < 0 ? -1 : OWNER_REF_BYTES + other.uuidAt;
    this.u0 = other.u0;
    this.u1 = other.u1;
    this.u2 = other.u2;
    this.u3 = other.u3;
    return this;
  }

  /** Takes the owner reference in front away again. */
  dropRef(): this {
    this.bytes.copyWithin(0, OWNER_REF_BYTES, this.length);
    this.#end(this.length - OWNER_REF_BYTES);
    if (this.uuidAt >= 0) this.uuidAt -= OWNER_REF_BYTES;
    return this;
  }

  /** Appends an id that is a canonical UUID, in one pass over its characters; `false` if it is none. */
  appendUuidText(at: number, id: string): boolean {
    if (id.length !== UUID_TEXT_BYTES) return false;
    if (id.charCodeAt(8) !== DASH || id.charCodeAt(13) !== DASH) return false;
    if (id.charCodeAt(18) !== DASH || id.charCodeAt(23) !== DASH) return false;
    const bytes = this.bytes;
    const a = hex4(id, 0, bytes, at);
    const b = hex4(id, 4, bytes, at + 4);
    const c = hex4(id, 9, bytes, at + 9);
    const d = hex4(id, 14, bytes, at + 14);
    const e = hex4(id, 19, bytes, at + 19);
    const f = hex4(id, 24, bytes, at + 24);
    const g = hex4(id, 28, bytes, at + 28);
    const h = hex4(id, 32, bytes, at + 32);
    if ((a | b | c | d | e | f | g | h) < 0) return false;
    bytes[at + 8] = DASH;
    bytes[at + 13] = DASH;
    bytes[at + 18] = DASH;
    bytes[at + 23] = DASH;
    this.#end(at + UUID_TEXT_BYTES);
    this.uuidAt = at;
    this.u0 = ((a << 16) | b) >>> 0;
    this.u1 = ((c << 16) | d) >>> 0;
    this.u2 = ((e << 16) | f) >>> 0;
    this.u3 = ((g << 16) | h) >>> 0;
    return true;
  }

  copyFrom(other: Key): this {
    const source = other.bytes;
    for (let i = 0; i < other.length; i++) this.bytes[i] = source[i];
    this.#end(other.length);
    this.uuidAt = other.uuidAt;
    this.u0 = other.u0;
    this.u1 = other.u1;
    this.u2 = other.u2;
    this.u3 = other.u3;
    return this;
  }

  /** Appends the text of a packed UUID and keeps its words; the inverse of the detection. */
  appendUuid(at: number, u0: number, u1: number, u2: number, u3: number): void {
    writeUuidText(this.bytes, at, u0, u1, u2, u3);
    this.#end(at + UUID_TEXT_BYTES);
    this.uuidAt = at;
    this.u0 = u0;
    this.u1 = u1;
    this.u2 = u2;
    this.u3 = u3;
  }

  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** The four bytes at a position as a big-endian word, zero where the key ends. */
  wordAt(at: number): number {
    const bytes = this.bytes;
    return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  }

  #end(length: number): void {
    const bytes = this.bytes;
    bytes[length] = 0;
    bytes[length + 1] = 0;
    bytes[length + 2] = 0;
    bytes[length + 3] = 0;
    this.length = length;
  }

  #detectUuid(at: number): void {
    const bytes = this.bytes;
    if (bytes[at + 8] !== DASH || bytes[at + 13] !== DASH || bytes[at + 18] !== DASH || bytes[at + 23] !== DASH) return;
    const u0 = hex8(bytes, at, at + 4);
    const u1 = hex8(bytes, at + 9, at + 14);
    const u2 = hex8(bytes, at + 19, at + 24);
    const u3 = hex8(bytes, at + 28, at + 32);
    if (u0 < 0 || u1 < 0 || u2 < 0 || u3 < 0) return;
    this.uuidAt = at;
    this.u0 = u0;
    this.u1 = u1;
    this.u2 = u2;
    this.u3 = u3;
  }
}

/** Order of two keys as bytes. */
export function compareKeys(a: Key, b: Key): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) {
    const difference = a.bytes[i] - b.bytes[i];
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const DASH = 0x2d;

/** The value of a lower-case hex digit, or 0x100 for any other byte, so that one test after a run catches them all. */
const NIBBLE = new Uint16Array(256).fill(0x100);
for (let i = 0; i < 10; i++) NIBBLE[0x30 + i] = i;
for (let i = 0; i < 6; i++) NIBBLE[0x61 + i] = 10 + i;

/** Two runs of four hex digits as one word, or -1. */
function hex8(bytes: Uint8Array, a: number, b: number): number {
  const n0 = NIBBLE[bytes[a]];
  const n1 = NIBBLE[bytes[a + 1]];
  const n2 = NIBBLE[bytes[a + 2]];
  const n3 = NIBBLE[bytes[a + 3]];
  const n4 = NIBBLE[bytes[b]];
  const n5 = NIBBLE[bytes[b + 1]];
  const n6 = NIBBLE[bytes[b + 2]];
  const n7 = NIBBLE[bytes[b + 3]];
  if ((n0 | n1 | n2 | n3 | n4 | n5 | n6 | n7) & 0x100) return -1;
  return ((n0 << 28) | (n1 << 24) | (n2 << 20) | (n3 << 16) | (n4 << 12) | (n5 << 8) | (n6 << 4) | n7) >>> 0;
}

/** Four hex digits of a text, copied to `to` on the way; -1 if some character is none. */
function hex4(text: string, from: number, bytes: Uint8Array, to: number): number {
  const c0 = text.charCodeAt(from);
  const c1 = text.charCodeAt(from + 1);
  const c2 = text.charCodeAt(from + 2);
  const c3 = text.charCodeAt(from + 3);
  if ((c0 | c1 | c2 | c3) > 0xff) return -1;
  const n0 = NIBBLE[c0];
  const n1 = NIBBLE[c1];
  const n2 = NIBBLE[c2];
  const n3 = NIBBLE[c3];
  if ((n0 | n1 | n2 | n3) & 0x100) return -1;
  bytes[to] = c0;
  bytes[to + 1] = c1;
  bytes[to + 2] = c2;
  bytes[to + 3] = c3;
  return (n0 << 12) | (n1 << 8) | (n2 << 4) | n3;
}

const HEX = new Uint8Array(16);
for (let i = 0; i < 16; i++) HEX[i] = '0123456789abcdef'.charCodeAt(i);

/** Both hex digits of every byte value. */
const HEX_PAIRS = new Uint8Array(512);
for (let i = 0; i < 256; i++) {
  HEX_PAIRS[2 * i] = HEX[i >>> 4];
  HEX_PAIRS[2 * i + 1] = HEX[i & 15];
}

/** Writes the 36 text bytes of a packed UUID. */
export function writeUuidText(target: Uint8Array, at: number, u0: number, u1: number, u2: number, u3: number): void {
  hexPair(target, at, u0 >>> 24);
  hexPair(target, at + 2, (u0 >>> 16) & 255);
  hexPair(target, at + 4, (u0 >>> 8) & 255);
  hexPair(target, at + 6, u0 & 255);
  target[at + 8] = DASH;
  hexPair(target, at + 9, u1 >>> 24);
  hexPair(target, at + 11, (u1 >>> 16) & 255);
  target[at + 13] = DASH;
  hexPair(target, at + 14, (u1 >>> 8) & 255);
  hexPair(target, at + 16, u1 & 255);
  target[at + 18] = DASH;
  hexPair(target, at + 19, u2 >>> 24);
  hexPair(target, at + 21, (u2 >>> 16) & 255);
  target[at + 23] = DASH;
  hexPair(target, at + 24, (u2 >>> 8) & 255);
  hexPair(target, at + 26, u2 & 255);
  hexPair(target, at + 28, u3 >>> 24);
  hexPair(target, at + 30, (u3 >>> 16) & 255);
  hexPair(target, at + 32, (u3 >>> 8) & 255);
  hexPair(target, at + 34, u3 & 255);
}

function hexPair(target: Uint8Array, at: number, byte: number): void {
  target[at] = HEX_PAIRS[2 * byte];
  target[at + 1] = HEX_PAIRS[2 * byte + 1];
}

/** An owner reference in front of a key: big-endian, so that byte order is numeric order. */
export function putRef(bytes: Uint8Array, ref: number, at = 0): void {
  bytes[at] = ref >>> 24;
  bytes[at + 1] = (ref >>> 16) & 255;
  bytes[at + 2] = (ref >>> 8) & 255;
  bytes[at + 3] = ref & 255;
}

/**
 * Turns actor keys and owners into bytes, and refuses what cannot be one. Types and owners recur, so their bytes are
 * remembered.
 */
export class KeyEncoder {
  readonly #types = new Map<string, Uint8Array>();
  readonly #owners = new Map<string, Uint8Array>();
  /** Type and id of the key that was encoded last, as they were read: asked again, a getter might tell another story. */
  type = '';
  id = '';

  get actor(): { readonly type: string; readonly id: string } {
    return { type: this.type, id: this.id };
  }

  /**
   * Fills `key` with `type NUL id`. `field` names the argument in errors. Unlike options, an actor may inherit what it
   * is asked for: it can be an object of the caller's own class.
   */
  encode(key: Key, actor: unknown, field = 'key'): Key {
    if (typeof actor !== 'object' || actor === null) throw invalidArgument(field, 'an object { type, id }', actor);
    let type: unknown;
    let id: unknown;
    try {
      ({ type, id } = actor as { type: unknown; id: unknown });
    } catch (error) {
      throw asArgumentError(error, field);
    }
    const at = this.typePrefix(key, type, field, '.type');
    this.appendId(key, at, id, field, '.id');
    this.type = type as string;
    this.id = id as string;
    return key;
  }

  /**
   * Fills `key` with `type NUL`, the start of every key of that type; answers its length. In errors `field` is named, or
   * `part` of it: the two are joined there only, for a string that nobody reads would be made with every call.
   */
  typePrefix(key: Key, type: unknown, field: string, part = ''): number {
    const known = this.#types.get(type as string) ?? this.#rememberType(type, field + part);
    const bytes = key.bytes;
    const length = known.length;
    for (let i = 0; i < length; i++) bytes[i] = known[i];
    key.setLength(length);
    return length;
  }

  appendId(key: Key, at: number, id: unknown, field: string, part = ''): Key {
    if (typeof id !== 'string') throw invalidArgument(field + part, 'a string', id);
    if (key.appendUuidText(at, id)) return key;
    const bytes = key.bytes;
    const length = id.length;
    if (length === 0 || length > ID_BYTES_MAX) throw tooLong(field + part, id, ID_BYTES_MAX);
    for (let i = 0; i < length; i++) {
      const unit = id.charCodeAt(i);
      if (unit === 0 || unit > 0x7f) return this.#appendUnicode(key, at, id, field + part);
      bytes[at + i] = unit;
    }
    return key.setLength(at + length);
  }

  /** The bytes of an owner's name. */
  owner(owner: unknown, field = 'owner'): Uint8Array {
    return this.#owners.get(owner as string) ?? this.#rememberOwner(owner, field);
  }

  #appendUnicode(key: Key, at: number, id: string, field: string): Key {
    const encoded = textBytes(id, field, ID_BYTES_MAX);
    key.bytes.set(encoded, at);
    return key.setLength(at + encoded.length);
  }

  #rememberType(type: unknown, field: string): Uint8Array {
    const text = textBytes(type, field, TYPE_BYTES_MAX);
    const prefix = new Uint8Array(text.length + 1);
    prefix.set(text);
    return remember(this.#types, type as string, prefix);
  }

  #rememberOwner(owner: unknown, field: string): Uint8Array {
    return remember(this.#owners, owner as string, textBytes(owner, field, OWNER_BYTES_MAX));
  }
}

/** A bounded memory: a caller that invents a new name every time must not grow it without end. */
const REMEMBERED_MAX = 4096;

function remember(map: Map<string, Uint8Array>, name: string, bytes: Uint8Array): Uint8Array {
  if (map.size >= REMEMBERED_MAX) map.clear();
  map.set(name, bytes);
  return bytes;
}

const encoder = new TextEncoder();

/** Whether it is a name as {@link textBytes} takes them, and ASCII, as nearly all are: told without encoding it. */
export function isAsciiName(text: unknown, bytesMax: number): text is string {
  if (typeof text !== 'string' || text.length === 0 || text.length > bytesMax) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0 || unit > 0x7f) return false;
  }
  return true;
}

/** UTF-8 of a name: a well-formed string without NUL, 1 to `bytesMax` bytes long. */
export function textBytes(text: unknown, field: string, bytesMax: number): Uint8Array {
  if (typeof text !== 'string') throw invalidArgument(field, 'a string', text);
  if (text.length === 0 || text.length > bytesMax) throw tooLong(field, text, bytesMax);
  if (!text.isWellFormed()) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      `${field} must be well-formed Unicode; got a string with a lone surrogate`,
    );
  }
  if (text.includes('\0')) {
    throw new LeaseStoreError('ERR_HOLDFAST_INVALID_ARGUMENT', `${field} must not contain NUL; got one`);
  }
  const bytes = encoder.encode(text);
  if (bytes.length > bytesMax) throw tooLong(field, text, bytesMax);
  return bytes;
}

function tooLong(field: string, text: string, bytesMax: number): LeaseStoreError {
  const got = text.length === 0 ? 'an empty string' : `${describeKind(text)} (${Buffer.byteLength(text)} bytes)`;
  return new LeaseStoreError(
    'ERR_HOLDFAST_INVALID_ARGUMENT',
    `${field} must be 1 to ${bytesMax} bytes long; got ${got}`,
  );
}
