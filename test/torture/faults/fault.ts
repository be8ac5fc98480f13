import type { Random } from '../../support/tree-random.js';
import type { Session } from '../session.js';

/** What a fault is given for one run. */
export interface Ordeal {
  readonly random: Random;
  /** How often this fault ran before. */
  readonly run: number;
  /** An empty directory for what the fault needs beside the store. */
  readonly scratch: string;
  /** A store of its own; `directory` where it is not to lie in the scratch directory. */
  session(options?: {
    readonly directory?: string;
    readonly shards?: number;
    readonly durability?: 'written' | 'synced';
  }): Session;
  /** Nothing uses the stores any more, however the run ended. */
  sessionsEnd(): Promise<void>;
}

/** One way to hurt a process. */
export interface Fault {
  readonly name: string;
  readonly what: string;
  /** Why this machine cannot do it; undefined where it can. */
  unavailable(): string | undefined;
  /** Hurts some processes and compares what is left with what is owed; throws where it is not the same. */
  run(ordeal: Ordeal): Promise<void>;
}
