import * as layout from '../../native-layout/mailbox.js';
import { setU53 } from '../../native-layout/lease-record.js';
import type { Key } from '../key.js';

const NOTHING = new Uint8Array(0);

/** One operation on its way to a shard; reused by the client for every call. */
export class Outgoing {
  op = 0;
  flags = 0;
  call = 0;
  ttlMs = 0;
  token = 0;
  owner: Uint8Array = NOTHING;
  value: Uint8Array = NOTHING;
  expiresAtMs = 0;
  renewals = 0;
  /** The key; its length is 0 where the operation has none. */
  key: Key | undefined;

  /** Starts over for another operation. */
  set(op: number, key: Key | undefined): this {
    this.op = op;
    this.key = key;
    this.flags = 0;
    this.ttlMs = 0;
    this.token = 0;
    this.owner = NOTHING;
    this.value = NOTHING;
    return this;
  }

  withValue(value: Uint8Array | undefined): this {
    if (value === undefined) return this;
    this.value = value;
    this.flags |= layout.FLAG_VALUE;
    return this;
  }

  /** Words that the record takes. */
  get words(): number {
    const { key } = this;
    let words = layout.REQUEST_BODY + (this.op === layout.OP_IMPORT ? layout.IMPORT_WORDS : 0);
    if (key !== undefined) words += layout.paddedWords(idBytes(key)) + layout.paddedWords(typeBytes(key));
    return words + layout.paddedWords(this.owner.length) + layout.paddedWords(this.value.length);
  }

  /** Writes the record at word `at`, whose length word is set. */
  write(words: Uint32Array, bytes: Uint8Array, at: number): void {
    words[at + layout.REQUEST_OP] = this.op | (this.flags << 8) | (this.owner.length << 16);
    words[at + layout.REQUEST_CALL] = this.call;
    words[at + layout.REQUEST_TTL] = this.ttlMs;
    setU53(words, at + layout.REQUEST_TOKEN, this.token);
    words[at + layout.REQUEST_VALUE] = this.value.length;
    let body = at + layout.REQUEST_BODY;
    if (this.op === layout.OP_IMPORT) {
      setU53(words, body + layout.IMPORT_EXPIRES, this.expiresAtMs);
      words[body + layout.IMPORT_RENEWALS] = this.renewals;
      body += layout.IMPORT_WORDS;
    }
    body = this.key === undefined ? this.#noKey(words, at, body) : writeKey(this.key, words, bytes, at, body);
    copy(this.owner, 0, this.owner.length, bytes, body * 4);
    copy(this.value, 0, this.value.length, bytes, (body + layout.paddedWords(this.owner.length)) * 4);
  }

  #noKey(words: Uint32Array, at: number, body: number): number {
    words[at + layout.REQUEST_KEY] = 0;
    return body;
  }
}

/** Whether the whole id is a canonical UUID, and so travels as 16 bytes. */
function packed(key: Key): boolean {
  return key.uuidAt > 0 && key.bytes[key.uuidAt - 1] === 0;
}

function typeBytes(key: Key): number {
  return (key.uuidAt > 0 && key.bytes[key.uuidAt - 1] === 0 ? key.uuidAt : key.bytes.indexOf(0) + 1) - 1;
}

function idBytes(key: Key): number {
  return packed(key) ? 16 : key.length - typeBytes(key) - 1;
}

function writeKey(key: Key, words: Uint32Array, bytes: Uint8Array, at: number, body: number): number {
  const type = typeBytes(key);
  const source = key.bytes;
  if (packed(key)) {
    words[at + layout.REQUEST_KEY] = type | (1 << 8) | (16 << 16);
    words[body] = key.u0;
    words[body + 1] = key.u1;
    words[body + 2] = key.u2;
    words[body + 3] = key.u3;
    copy(source, 0, type, bytes, (body + 4) * 4);
    return body + 4 + layout.paddedWords(type);
  }
  const id = key.length - type - 1;
  words[at + layout.REQUEST_KEY] = type | (id << 16);
  copy(source, type + 1, id, bytes, body * 4);
  const typeAt = body + layout.paddedWords(id);
  copy(source, 0, type, bytes, typeAt * 4);
  return typeAt + layout.paddedWords(type);
}

function copy(source: Uint8Array, from: number, length: number, target: Uint8Array, at: number): void {
  for (let i = 0; i < length; i++) target[at + i] = source[from + i];
}
