import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openEngine } from '../engines/open.js';
import { LeaseStoreError } from '../errors.js';
import type { AsyncLeaseStore, EngineName } from '../lease-store.js';
import { MANIFEST_FILE, type ValueEncoding } from '../manifest.js';
import { type Migration, type MigrationProgress, migrate, type Verification } from '../migrate.js';
import { resolveOptions } from '../options.js';
import { ProgressLine } from './progress.js';
import { UsageError } from './usage.js';

/** Where a store is, and which engine it belongs to. */
export interface StorePlace {
  readonly engine: EngineName;
  readonly directory: string;
}

/** The exit code of a process that SIGINT ends. */
const INTERRUPTED = 130;
/** Expired leases of the source are left for whoever opens it next. */
const SWEEP_INTERVAL_MS_MAX = 3_600_000;

/**
 * `holdfast migrate`: copies all live leases from one store to another and compares the two. Interrupted, it leaves what
 * it copied, and goes on from there when it is run again.
 */
export async function runMigration(
  from: StorePlace,
  to: StorePlace,
  valueEncoding: ValueEncoding | undefined,
): Promise<number> {
  if (resolve(from.directory) === resolve(to.directory)) throw new UsageError('--from and --to are one directory');
  // Opening would make an empty store of a mistyped path.
  if (!existsSync(join(from.directory, MANIFEST_FILE))) throw new UsageError(`there is no store in ${from.directory}`);
  const encoding = valueEncoding === undefined ? {} : { valueEncoding };
  const source = await openEngine<unknown>(
    resolveOptions({ ...from, ...encoding, sweepIntervalMs: SWEEP_INTERVAL_MS_MAX }),
  );
  try {
    const target = await openEngine<unknown>(resolveOptions({ ...to, ...encoding }));
    try {
      return await migrateUntilInterrupted(source, target);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function migrateUntilInterrupted(
  source: AsyncLeaseStore<unknown>,
  target: AsyncLeaseStore<unknown>,
): Promise<number> {
  const progress = new ProgressLine();
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  // Once: who asks again does not want to wait.
  process.once('SIGINT', onInterrupt);
  try {
    const onProgress = (each: MigrationProgress) => progress.tell(describe(each));
    const migration = await migrate(source, target, { onProgress, signal: interrupt.signal });
    progress.end(summary(migration));
    return report(migration.verification as Verification);
  } catch (error) {
    if (!(error instanceof LeaseStoreError) || error.code !== 'ERR_HOLDFAST_ABORTED') throw error;
    progress.end(`interrupted; the target holds ${grouped(await target.count())} leases. Run it again to go on`);
    return INTERRUPTED;
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

function describe({ phase, done, total, leasesPerSecond }: MigrationProgress): string {
  const doing = phase === 'copy' ? 'copying' : 'comparing';
  return `${doing}: ${grouped(done)} of ${grouped(total)} leases, ${grouped(leasesPerSecond)}/s`;
}

function summary({ read, copied, elapsedMs, leasesPerSecond }: Migration): string {
  const there = read === copied ? '' : ` (${grouped(read - copied)} were there already)`;
  const seconds = (elapsedMs / 1000).toFixed(1);
  return `${grouped(copied)} leases copied${there} in ${seconds} s, ${grouped(leasesPerSecond)} leases/s`;
}

function report(verification: Verification): number {
  const { ok, compared, newer, lapsed, extra, missing, different, examples } = verification;
  const others = Object.entries({
    'granted anew in the target': newer,
    'expired since': lapsed,
    'only in the target': extra,
  })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `, ${grouped(count)} ${what}`);
  if (ok) {
    console.log(
      `  both hold the same: ${grouped(compared)} leases, SHA-256 ${verification.sourceDigest}${others.join('')}`,
    );
    return 0;
  }
  console.error(
    `holdfast: the target is not as the source: ${grouped(missing)} leases are missing and ${grouped(different)} ` +
      `differ, ${grouped(compared)} are the same${others.join('')}. If somebody writes to the source, stop that and run it again`,
  );
  console.error(`  SHA-256 ${verification.sourceDigest} in the source, ${verification.targetDigest} in the target`);
  for (const { type, id } of examples) console.error(`  ${JSON.stringify(`${type}/${id}`)}`);
  return 1;
}

function grouped(count: number): string {
  return count.toLocaleString('en');
}
