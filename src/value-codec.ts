import { types } from 'node:util';
import { VALUE_BYTES_MAX } from '../native-layout/format.js';
import { invalidArgument, LeaseStoreError } from './errors.js';
import type { ValueEncoding } from './manifest.js';

/** How the values of one store become bytes and come back. */
export interface ValueCodec<V> {
  readonly encoding: ValueEncoding;
  /**
   * The bytes to keep, which share no memory with `value`; undefined for undefined. Throws
   * `ERR_HOLDFAST_INVALID_ARGUMENT` for what the encoding cannot keep or what is too long.
   */
  encode(value: unknown, field?: string): Uint8Array | undefined;
  /** A value of the caller's own, good for as long as it likes, whatever becomes of `bytes`. */
  decode(bytes: Uint8Array): V;
}

/** V is the caller's promise about what it stores; nothing checks it. */
export function valueCodec<V>(encoding: ValueEncoding): ValueCodec<V> {
  return { encoding, ...CODECS[encoding] } as ValueCodec<V>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const CODECS: { readonly [E in ValueEncoding]: Omit<ValueCodec<unknown>, 'encoding'> } = {
  json: {
    encode(value, field = 'value') {
      if (value === undefined) return undefined;
      const text = jsonOf(value, field);
      if (text.length > VALUE_BYTES_MAX) throw tooLong(field, Buffer.byteLength(text));
      return checkLength(encoder.encode(text), field);
    },
    decode: (bytes) => JSON.parse(decoder.decode(bytes)),
  },
  utf8: {
    encode(value, field = 'value') {
      if (value === undefined) return undefined;
      if (typeof value !== 'string') throw invalidArgument(field, "a string (valueEncoding is 'utf8')", value);
      if (!value.isWellFormed()) {
        throw new LeaseStoreError(
          'ERR_HOLDFAST_INVALID_ARGUMENT',
          `${field} must be well-formed Unicode; got a string with a lone surrogate`,
        );
      }
      // A string is never longer in UTF-16 units than in bytes: do not encode what cannot fit.
      if (value.length > VALUE_BYTES_MAX) throw tooLong(field, Buffer.byteLength(value));
      return checkLength(encoder.encode(value), field);
    },
    decode: (bytes) => decoder.decode(bytes),
  },
  buffer: {
    encode(value, field = 'value') {
      if (value === undefined) return undefined;
      if (!types.isUint8Array(value)) throw invalidArgument(field, "a Uint8Array (valueEncoding is 'buffer')", value);
      return copyOf(value, field);
    },
    decode: (bytes) => Buffer.from(bytes),
  },
};

const lengthOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length')?.get as (
  this: Uint8Array,
) => number;

/** By what the array holds, not by what methods it may have of its own. */
function copyOf(value: Uint8Array, field: string): Uint8Array {
  const length = lengthOf.call(value);
  if (length > VALUE_BYTES_MAX) throw tooLong(field, length);
  if (length === 0 && isDetached(value)) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      `${field} must have its bytes; its buffer was transferred away, or shrunk`,
    );
  }
  const copy = new Uint8Array(length);
  copy.set(value);
  return copy;
}

/** An array that lost its buffer looks as if it were empty, but another cannot be made of that buffer. */
function isDetached(value: Uint8Array): boolean {
  try {
    return new Uint8Array(value.buffer, value.byteOffset).length < 0;
  } catch {
    return true;
  }
}

function jsonOf(value: unknown, field: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new LeaseStoreError('ERR_HOLDFAST_INVALID_ARGUMENT', `${field} must be JSON; turning it into JSON threw`, {
      cause: error,
    });
  }
  if (text === undefined) throw invalidArgument(field, "something that JSON knows (valueEncoding is 'json')", value);
  return text;
}

function checkLength(bytes: Uint8Array, field: string): Uint8Array {
  if (bytes.length > VALUE_BYTES_MAX) throw tooLong(field, bytes.length);
  return bytes;
}

function tooLong(field: string, bytes: number): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_INVALID_ARGUMENT',
    `${field} must take at most ${VALUE_BYTES_MAX} bytes encoded; got ${bytes}. Keep a reference to it instead`,
  );
}
