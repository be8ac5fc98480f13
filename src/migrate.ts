import { createHash, type Hash } from 'node:crypto';
import { checkNotAborted } from './engines/semantics/failures.js';
import { invalidArgument } from './errors.js';
import type { ActorKey, Lease } from './lease.js';
import type { AsyncLeaseStore, Progress } from './lease-store.js';
import { booleanOf, ownFields } from './own-fields.js';
import { type Joined, joinLeases, type Leases, sameLease, storedLeases } from './rollout/lease-join.js';

export interface MigrateOptions {
  readonly onProgress?: (progress: MigrationProgress) => void;
  /** Stops between two leases; what was copied stays, and the same call goes on from there. */
  readonly signal?: AbortSignal;
  /** Reads both stores again and compares them, lease by lease and by digest. Default true. */
  readonly verify?: boolean;
}

export interface MigrationProgress extends Progress {
  readonly phase: 'copy' | 'verify';
  readonly leasesPerSecond: number;
}

export interface Verification {
  /** Every lease of the source that still lives is in the target as it was, or in a newer grant. */
  readonly ok: boolean;
  /** Equal in both. */
  readonly compared: number;
  /** In the target by a newer grant than the source's: it is in use already. */
  readonly newer: number;
  /** Expired since the source was read, and swept from the target. */
  readonly lapsed: number;
  /** In the target only. */
  readonly extra: number;
  readonly missing: number;
  readonly different: number;
  /** The first keys that are missing or different. */
  readonly examples: readonly ActorKey[];
  /** SHA-256 over what is equal, missing or different, of each side, in key order: equal exactly when `ok`. */
  readonly sourceDigest: string;
  readonly targetDigest: string;
}

export interface Migration {
  /** Leases read from the source. */
  readonly read: number;
  /** Leases that the target took; the others it had already. */
  readonly copied: number;
  readonly elapsedMs: number;
  readonly leasesPerSecond: number;
  readonly verification?: Verification;
}

const EXAMPLES_MAX = 20;
/** A copy may take longer than a snapshot is kept by default. */
const DAY_MS = 24 * 60 * 60 * 1000;
/** Leases between two reports of progress. */
const REPORT_EVERY = 4096;

/**
 * Copies all live leases from one store to another, with their owners, tokens, deadlines, renewals and values. It can be
 * interrupted and run again: what the target has already is passed over. Nobody should write to the source meanwhile,
 * or what changed after it was read shows as a difference; run it again then, or use `shadow`.
 *
 * The tokens of the target follow its clock, and are above all that it took. So they are above those of leases that
 * were released before, too, unless the clock was set back since.
 *
 * Throws `ERR_HOLDFAST_ABORTED` when the signal fires, and whatever either store throws.
 */
export async function migrate<V>(
  from: AsyncLeaseStore<V>,
  to: AsyncLeaseStore<V>,
  options: MigrateOptions = {},
): Promise<Migration> {
  const { onProgress, signal, verify } = checkOptions(options);
  if ((from as unknown) === to) throw invalidArgument('to', 'another store than from', to);
  checkNotAborted(signal);
  const startedMs = performance.now();
  const { supports } = from;
  const frozen = supports.consistentSnapshots ? await from.consistentSnapshot({ maxAgeMs: DAY_MS }) : undefined;
  try {
    const source = frozen ?? from;
    const total = await source.count();
    const copying = new Meter('copy', total, onProgress, signal);
    const { imported } = await to.import(copying.over(source.range()));
    copying.report();
    await to.flush();
    const elapsedMs = performance.now() - startedMs;
    const result = { read: copying.done, copied: imported, elapsedMs, leasesPerSecond: copying.rate };
    if (!verify) return result;
    return { ...result, verification: await compare(source, to, new Meter('verify', total, onProgress, signal)) };
  } finally {
    await frozen?.close();
  }
}

async function compare<V>(
  source: Pick<AsyncLeaseStore<V>, 'range'>,
  target: Pick<AsyncLeaseStore<V>, 'range'>,
  meter: Meter,
): Promise<Verification> {
  const counts = { compared: 0, newer: 0, lapsed: 0, extra: 0, missing: 0, different: 0 };
  const examples: ActorKey[] = [];
  const digests = { source: createHash('sha256'), target: createHash('sha256') };
  for await (const { left, right } of joinLeases(meter.over(source.range()), storedLeases(target))) {
    const verdict = judge({ left, right });
    counts[verdict]++;
    if (verdict !== 'compared' && verdict !== 'missing' && verdict !== 'different') continue;
    addTo(digests.source, left);
    addTo(digests.target, right);
    if (verdict !== 'compared' && examples.length < EXAMPLES_MAX) examples.push((left as Lease).key);
  }
  meter.report();
  return {
    ok: counts.missing === 0 && counts.different === 0,
    ...counts,
    examples,
    sourceDigest: digests.source.digest('hex'),
    targetDigest: digests.target.digest('hex'),
  };
}

type Verdict = 'compared' | 'newer' | 'lapsed' | 'extra' | 'missing' | 'different';

function judge<V>({ left, right }: Joined<V>): Verdict {
  if (left === undefined) return 'extra';
  if (right === undefined) return left.expiresAtMs <= Date.now() ? 'lapsed' : 'missing';
  if (right.token > left.token) return 'newer';
  return sameLease(left, right) ? 'compared' : 'different';
}

function addTo<V>(digest: Hash, lease: Lease<V> | undefined): void {
  if (lease === undefined) return;
  const { key, owner, token, expiresAtMs, ttlMs, renewals, value } = lease;
  digest.update(`${JSON.stringify([key.type, key.id, owner, token, expiresAtMs, ttlMs, renewals, value])}\n`);
}

/** Counts leases that pass, tells of them, and stops when it is told to. */
class Meter {
  done = 0;
  readonly #phase: 'copy' | 'verify';
  readonly #total: number;
  readonly #onProgress: ((progress: MigrationProgress) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #startedMs = performance.now();

  constructor(
    phase: 'copy' | 'verify',
    total: number,
    onProgress: ((progress: MigrationProgress) => void) | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#phase = phase;
    this.#total = total;
    this.#onProgress = onProgress;
    this.#signal = signal;
  }

  get rate(): number {
    return Math.round((this.done * 1000) / Math.max(performance.now() - this.#startedMs, 1));
  }

  async *over<V>(leases: Leases<V>): AsyncGenerator<Lease<V>> {
    for await (const lease of leases) {
      checkNotAborted(this.#signal);
      this.done++;
      if (this.done % REPORT_EVERY === 0) this.report();
      yield lease;
    }
  }

  report(): void {
    const total = Math.max(this.#total, this.done);
    this.#onProgress?.({ phase: this.#phase, done: this.done, total, leasesPerSecond: this.rate });
  }
}

function checkOptions(options: unknown): {
  readonly onProgress: ((progress: MigrationProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly verify: boolean;
} {
  const { onProgress, signal, verify } = ownFields(options, 'options', ['onProgress', 'signal', 'verify']);
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument('options.onProgress', 'a function', onProgress);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument('options.signal', 'an AbortSignal', signal);
  }
  return {
    onProgress: onProgress as ((progress: MigrationProgress) => void) | undefined,
    signal,
    verify: verify === undefined ? true : booleanOf(verify, 'options.verify'),
  };
}
