import type { TokenSource } from '../../shard/tokens.js';
import type { Progress } from '../engine.js';
import type { Change } from '../semantics/rules.js';
import type { LeaseView } from './lease-index.js';

/** Where an indexed store keeps what it does, so that it can start again from there. */
export interface Journal {
  /**
   * Keeps the changes of one group, with a token ceiling where one is due, and on the disk if `synced`. Nobody hears of
   * the group before this returns; if it throws, the group never happened.
   */
  append(changes: readonly Change[], nowMs: number, tokens: TokenSource, synced: boolean): void;
  /** Puts everything appended on the disk. */
  sync(): void;
  /** Whether enough was appended since the last checkpoint to make another. */
  readonly checkpointDue: boolean;
  /** Keeps the whole state, frozen as of the last append, so that starting again needs no older change. */
  checkpoint(leases: LeaseView, nowMs: number): Promise<void>;
  /** Writes a store of the same state into an empty directory; absent where it cannot. */
  backup?(directory: string, leases: LeaseView, nowMs: number, work: BackupWork): Promise<void>;
  metrics(): Readonly<Record<string, number>>;
  close(nowMs: number): Promise<void>;
}

export interface BackupWork {
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}
