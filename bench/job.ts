import type { Absence, BenchRecord, Participant, Series } from './record.js';

/** What one child process is to do: one subject, one setting. Either workloads that share a loaded subject, or one that has none. */
export interface Job {
  readonly engine: string;
  readonly durability: 'written' | 'synced';
  readonly leases: number;
  readonly seed: number;
  readonly run: number;
  /** Length of the measurements as a share of their full one. */
  readonly length: number;
  readonly workloads: readonly string[];
  /** Options for an engine of this project; of a sweep, say. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly setting?: string;
  /** Renewals in a call of `renew-batch`; 1,000 if not given. */
  readonly batch?: number;
  /** An empty directory that is removed afterwards. */
  readonly directory: string;
}

/** What a child says while it works. */
export type Message =
  | { readonly kind: 'opened'; readonly participant: Participant }
  | { readonly kind: 'progress'; readonly text: string }
  | { readonly kind: 'record'; readonly record: BenchRecord }
  | { readonly kind: 'series'; readonly series: Series }
  | { readonly kind: 'absent'; readonly absence: Absence }
  | { readonly kind: 'done' };

/** From the far end of the pipe between parent and child. */
export function tellParent(message: Message): void {
  process.send?.(message);
}
