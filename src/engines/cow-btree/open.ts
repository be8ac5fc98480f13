import { SHARDS_MAX } from '../../../native-layout/format.js';
import { HEALTH_CLOCK_CLAMPED, HEALTH_DISK_FULL, HEALTH_DOWN } from '../../../native-layout/shard-control.js';
import { Checkpoints } from '../../client/checkpoints.js';
import { Dispatcher } from '../../client/dispatcher.js';
import { Mailbox } from '../../client/mailbox.js';
import { MaintenancePool } from '../../client/maintenance-pool.js';
import { Router } from '../../client/router.js';
import { ShardPool } from '../../client/shard-pool.js';
import { systemClock, type TimeBase } from '../../clock.js';
import { LeaseStoreError } from '../../errors.js';
import { type DirectoryLock, lockDirectory } from '../../io/directory-lock.js';
import { ensureDirectory } from '../../io/ensure-directory.js';
import type { FileSystem } from '../../io/file-system.js';
import { nodeFileSystem } from '../../io/node-file-system.js';
import { ClientBell } from '../../mailbox/client-bell.js';
import type { Manifest } from '../../manifest.js';
import type { Control } from '../../memory/control.js';
import { claimRow } from '../../memory/pins.js';
import type { ResolvedOptions } from '../../options.js';
import { expectLog } from '../../recovery/new-shard.js';
import { settleGenerations } from '../../reshard/generations.js';
import { availableCores } from '../../platform.js';
import { AT } from '../../metrics/counters.js';
import { HealthWatch } from '../../metrics/health.js';
import { RECOVERY_PHASES, type RecoverySummary } from '../../shard/shard.js';
import { spinMs } from '../../shard/wait.js';
import { Fence } from './fence.js';
import { openManifest } from './layout.js';
import { reshardOnThread } from './reshard-thread.js';
import { reserveSharedMemory } from './shared-memory.js';
import { CowBtreeStore } from './store.js';

/** Opens the store in a directory, or makes one. Holds the directory's lock until the store is closed. */
export async function openCowBtree<V>(options: ResolvedOptions): Promise<CowBtreeStore<V>> {
  const files = nodeFileSystem();
  ensureDirectory(files, options.directory);
  const lock = await lockDirectory(options.directory);
  try {
    const cores = availableCores();
    const known = openManifest(files, options, Math.min(Math.max(1, cores - 1), SHARDS_MAX));
    const manifest = await withShards(known, options);
    return await openLocked<V>(files, options, manifest, lock, cores);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** The store with as many shards as the options want. */
async function withShards(manifest: Manifest, options: ResolvedOptions): Promise<Manifest> {
  const { directory, memoryBytesMax, onProgress, shards = manifest.shards } = options;
  if (shards === manifest.shards) return manifest;
  return reshardOnThread({ directory, manifest, shards, memoryBytesMax }, onProgress);
}

async function openLocked<V>(
  files: FileSystem,
  options: ResolvedOptions,
  manifest: Manifest,
  lock: DirectoryLock,
  cores: number,
): Promise<CowBtreeStore<V>> {
  const memory = reserveSharedMemory(manifest, options, cores);
  const { configs, controls } = memory;
  const clock = systemClock();
  const bell = new ClientBell(memory.clientBell);
  const mailboxes = configs.map(({ requests, completions }, i) => new Mailbox(controls[i], requests, completions));
  const spins = spinMs(options.waitStrategy, manifest.shards, cores) > 0;
  const dispatcher = new Dispatcher(mailboxes, bell, clock, options.pendingMax, spins);
  const fence = new Fence(controls);
  const onDamage = (shard: number, error: LeaseStoreError) => {
    fence.shut(shard, error);
    dispatcher.refuse(error);
  };
  const shards = new ShardPool(configs, controls, {
    onDeath: (shard, cause) => dispatcher.failShard(shard, diedError(shard, cause)),
    onRestart: (shard) => {
      controls[shard].clear(HEALTH_DOWN | HEALTH_DISK_FULL);
      dispatcher.resumeShard(shard);
    },
    onBlocked: (shard, error) => {
      controls[shard].raise(error.code === 'ERR_HOLDFAST_DISK_FULL' ? HEALTH_DISK_FULL : HEALTH_DOWN);
      dispatcher.dropShard(shard, error);
    },
    onDown: (shard, error) => {
      controls[shard].clear(HEALTH_DISK_FULL);
      controls[shard].raise(HEALTH_DOWN);
      if (error.code === 'ERR_HOLDFAST_CORRUPT') onDamage(shard, error);
      dispatcher.dropShard(shard, error);
    },
  });
  try {
    const found = await watched(controls, options.onProgress, shards.recover());
    for (const [shard, { epoch }] of found.entries()) expectLog(options.directory, shard, epoch);
    settleGenerations(files, options.directory, manifest);
    const time = timeBase(found, clock.monotonicMs(), clock.wallMs());
    if (time.storeMs > clock.wallMs() + CLOCK_TOLERANCE_MS) for (const c of controls) c.raise(HEALTH_CLOCK_CLAMPED);
    await shards.start({ time, onRestart: options.onRestart });
    const readerRow = claimRow(controls);
    const maintenanceRow = claimRow(controls);
    const logs = controls.map((control, i) => ({ control, directory: configs[i].directory }));
    const maintenance = new MaintenancePool(memory.bell, options.syncIntervalMs, logs);
    const { checkpointWalBytesMin } = options;
    const checkpoints = new Checkpoints(
      maintenance,
      configs,
      controls,
      maintenanceRow,
      checkpointWalBytesMin,
      onDamage,
    );
    return new CowBtreeStore<V>({
      options,
      manifest,
      memory,
      lock,
      clock,
      time,
      dispatcher,
      fence,
      health: new HealthWatch(options.directory, controls),
      shards,
      maintenance,
      checkpoints,
      router: new Router(manifest.hashSeed, manifest.shards),
      readerRow,
      recovery: found,
    });
  } catch (error) {
    await shards.destroy();
    throw error;
  }
}

/** A clock may be a little behind itself after a restart without anybody having set it back. */
const CLOCK_TOLERANCE_MS = 1000;

/** Store time goes on from wherever it was last seen, even if the wall clock was set back meanwhile. */
function timeBase(found: readonly RecoverySummary[], monotonicMs: number, wallMs: number): TimeBase {
  return { monotonicMs, storeMs: found.reduce((latest, { lastStoreMs }) => Math.max(latest, lastStoreMs), wallMs) };
}

const PROGRESS_EVERY_MS = 100;

/** Reports what the shards' threads tell of their recovery while it lasts. */
async function watched<T>(
  controls: readonly Control[],
  onProgress: ResolvedOptions['onProgress'],
  recovery: Promise<T>,
): Promise<T> {
  if (onProgress === undefined) return recovery;
  const sum = (at: number) => controls.reduce((total, { doubles }) => total + doubles[at], 0);
  const timer = setInterval(() => {
    const phase = RECOVERY_PHASES[Math.max(...controls.map(({ doubles }) => doubles[AT.recoveryPhase]))];
    onProgress({ phase: `recovering: ${phase}`, done: sum(AT.recoveryDone), total: sum(AT.recoveryTotal) });
  }, PROGRESS_EVERY_MS);
  try {
    return await recovery;
  } finally {
    clearInterval(timer);
  }
}

function diedError(shard: number, cause: unknown): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_SHARD_RESTARTED',
    `the thread of shard ${shard} ended while the call was under way; it may have been carried out: look before trying again`,
    { retryable: true, outcome: 'unknown', cause },
  );
}
