import type { Acquired, Lease, Released, Renewed } from '../../src/lease.js';

/** What a client asked about one key. Every value is asked for once only, so that it tells whose grant a lease is. */
export type Question =
  | {
      readonly kind: 'acquire';
      readonly owner: string;
      readonly ttlMs: number;
      readonly value: string;
      readonly previous?: number;
    }
  | { readonly kind: 'renew'; readonly token: number; readonly ttlMs: number }
  | { readonly kind: 'release'; readonly token: number }
  | { readonly kind: 'get' }
  | { readonly kind: 'check'; readonly token: number };

/** What it was answered; `null` stands for no lease, and for a failure the outcome that it told. */
export type Reply =
  | Acquired<string>
  | Renewed
  | Released
  | { readonly lease: Lease<string> | null }
  | { readonly valid: boolean }
  | { readonly failed: 'unknown' | 'not-applied' };

/**
 * One call on one key. It took effect, if it did, at one instant within `fromMs` and `toMs`, on the line of time that all
 * threads and processes of a machine share; `storeAheadMs` further on is what the store took that instant for.
 */
export interface Operation {
  readonly client: string;
  readonly key: string;
  readonly question: Question;
  /** Undefined where none came: it may have taken effect or not. */
  readonly reply: Exclude<Reply, { failed: unknown }> | undefined;
  readonly fromMs: number;
  /** Without a reply: when the process that might have carried it out was gone. */
  readonly toMs: number;
  readonly storeAheadMs: number;
}

/** A line of the record that each client of a process keeps in a file of its own. */
export type RecordLine =
  /** The store is open in this process, and store time is so far ahead of the machine's. */
  | { readonly r: 'open'; readonly storeAheadMs: number }
  | {
      readonly r: 'call';
      readonly n: number;
      readonly client: string;
      readonly key: string;
      readonly question: Question;
      readonly atMs: number;
    }
  | { readonly r: 'reply'; readonly n: number; readonly atMs: number; readonly reply: Reply };

/** What one process recorded, and when it was gone. */
export interface ProcessRecord {
  /** One text for each client. */
  readonly records: readonly string[];
  readonly goneMs: number;
}

/** The calls of some processes, one after the other, by key. */
export function historyOf(processes: readonly ProcessRecord[]): Map<string, Operation[]> {
  const byKey = new Map<string, Operation[]>();
  for (const { records, goneMs } of processes) {
    const lines = records.map(linesOf);
    const open = lines.flat().find((line) => line.r === 'open');
    // Killed before the store was open: nobody asked it anything.
    if (open === undefined) continue;
    for (const line of lines) {
      for (const operation of operationsOf(line, open.storeAheadMs, goneMs)) {
        const operations = byKey.get(operation.key);
        if (operations === undefined) byKey.set(operation.key, [operation]);
        else operations.push(operation);
      }
    }
  }
  return byKey;
}

function operationsOf(lines: readonly RecordLine[], storeAheadMs: number, goneMs: number): Operation[] {
  const replies = new Map<number, RecordLine & { r: 'reply' }>();
  for (const line of lines) if (line.r === 'reply') replies.set(line.n, line);
  const operations: Operation[] = [];
  for (const line of lines) {
    if (line.r !== 'call') continue;
    const answered = replies.get(line.n);
    const { client, key, question, atMs: fromMs } = line;
    const rest = { client, key, question, fromMs, storeAheadMs };
    if (answered === undefined) operations.push({ ...rest, reply: undefined, toMs: goneMs });
    else if (!('failed' in answered.reply)) operations.push({ ...rest, reply: answered.reply, toMs: answered.atMs });
    // A call that was not applied is as if it had never been made.
    else if (answered.reply.failed === 'unknown') operations.push({ ...rest, reply: undefined, toMs: goneMs });
  }
  return operations;
}

function linesOf(record: string): RecordLine[] {
  const lines: RecordLine[] = [];
  for (const line of record.split('\n')) {
    try {
      lines.push(JSON.parse(line) as RecordLine);
    } catch {
      // The last one, cut off by a kill. What it would have told is as good as never said.
    }
  }
  return lines;
}
