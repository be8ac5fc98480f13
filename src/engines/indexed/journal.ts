import type { TokenSource } from '../../shard/tokens.js';
import type { Change } from '../semantics/rules.js';
import type { LeaseIndex } from './lease-index.js';

/** Where an indexed store keeps what it does, so that it can start again from there. */
export interface Journal {
  /**
   * Keeps the changes of one group, with a token ceiling where one is due, and on the disk if `synced`. Nobody hears of
   * the group before this returns; if it throws, the group never happened.
   */
  append(changes: readonly Change[], nowMs: number, tokens: TokenSource, synced: boolean): void;
  /** Puts everything appended on the disk. */
  sync(): void;
  /** Keeps the whole state once, so that starting again needs no older change. */
  checkpoint(index: LeaseIndex, nowMs: number, tokens: TokenSource): void;
  /** Writes a store of the same state into an empty directory. */
  backup(directory: string, index: LeaseIndex, nowMs: number, tokens: TokenSource): void;
  metrics(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}
