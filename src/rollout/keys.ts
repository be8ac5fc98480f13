import { crc32 } from 'node:zlib';
import { type ByteText, byteText } from '../engines/semantics/byte-text.js';
import type { ActorKey } from '../lease.js';

/** A key in the order of the stores. It must be one that a store handed out or took. */
export function keyText({ type, id }: ActorKey): ByteText {
  return byteText(`${type}\0${id}`);
}

export function compareKeys(a: ActorKey, b: ActorKey): number {
  const [left, right] = [keyText(a), keyText(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Where a key falls between 0 and 100; the same in every process, so that a rollout goes on where it stopped. */
export function percentileOf({ type, id }: ActorKey): number {
  return (crc32(`${type}\0${id}`) / 2 ** 32) * 100;
}
