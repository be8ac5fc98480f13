import { RESTARTS } from '../../native-layout/shard-control.js';
import { assert } from '../assert.js';
import { type Clock, StoreTime, type TimeBase } from '../clock.js';
import type { FileSystem } from '../io/file-system.js';
import { LeaseStoreError } from '../errors.js';
import type { Durability } from '../lease.js';
import { ClientBell } from '../mailbox/client-bell.js';
import { RingReader, RingWriter } from '../mailbox/ring.js';
import { Commits } from '../memory/commits.js';
import { Control } from '../memory/control.js';
import { Slabs, type SlabsHandle } from '../memory/slabs.js';
import { removeTemporaries } from '../checkpoint/files.js';
import type { WaitStrategy } from '../options.js';
import type { CommitReport } from '../recovery/check.js';
import { type Recovered, recoverShard } from '../recovery/recover.js';
import { type Resumed, resumeShard } from '../recovery/resume.js';
import { TreeDamage } from '../tree/check.js';
import { FrameBuilder } from '../wal/frame-builder.js';
import { dropSegmentsBelow, settleLog } from '../wal/settle.js';
import { WalWriter } from '../wal/writer.js';
import { Bell } from './bell.js';
import { Completions } from './completions.js';
import { AT, Counters } from '../metrics/counters.js';
import { LogKeeper } from './log-keeper.js';
import { type LoopParts, runLoop } from './loop.js';
import { MemoryGuard } from './memory-guard.js';
import { type StartOrder, writeOpening } from './opening.js';
import { ShardWriter } from './shard-writer.js';
import { TokenSource } from './tokens.js';
import { forgetWaiting, spinMs, Waiter } from './wait.js';

/** Everything that a shard is told when its thread starts. Plain data: it travels to the thread as a message. */
export interface ShardConfig {
  readonly shard: number;
  readonly shards: number;
  readonly directory: string;
  readonly storeId: Uint8Array;
  readonly control: SharedArrayBuffer;
  readonly slabs: SlabsHandle;
  readonly requests: SharedArrayBuffer;
  readonly completions: SharedArrayBuffer;
  readonly clientBell: SharedArrayBuffer;
  readonly bell: SharedArrayBuffer;
  readonly durability: Durability;
  readonly waitStrategy: WaitStrategy;
  readonly sweepIntervalMs: number;
  readonly cores: number;
  /** A segment of the log rolls at this length; smaller than the default only to see it happen. */
  readonly segmentBytesMax?: number;
}

/** What recovery found, for the opener. */
export interface RecoverySummary {
  readonly leases: number;
  readonly lsn: number;
  readonly epoch: number;
  readonly lastStoreMs: number;
  readonly replayed: number;
  readonly checkpointLsn: number;
  readonly damagedCheckpoints: readonly string[];
  readonly tornBytes: number;
  /** Share of the bytes of all nodes that is in use. */
  readonly fill: number;
  readonly took: Recovered['took'];
}

/** What taking a shard over from a dead thread found. */
export interface ResumeSummary {
  readonly leases: number;
  readonly tookMs: number;
}

export interface ShardSurroundings {
  readonly files: FileSystem;
  readonly clock: Clock;
  /** 32 random bits. */
  readonly random: () => number;
}

/**
 * One shard, without its thread: recovers, starts, works, stops. `recover` changes nothing on the disk, so that no
 * shard writes before all were found good.
 */
export class Shard {
  readonly #config: ShardConfig;
  readonly #env: ShardSurroundings;
  readonly #control: Control;
  readonly #slabs: Slabs;
  #recovered: Recovered | undefined;
  #loop: LoopParts | undefined;
  #stopping = false;

  constructor(config: ShardConfig, surroundings: ShardSurroundings) {
    this.#config = config;
    this.#env = surroundings;
    this.#control = new Control(config.control);
    this.#slabs = new Slabs(config.slabs);
  }

  recover(): RecoverySummary {
    const { shard, storeId, directory } = this.#config;
    const recovered = recoverShard({
      files: this.#env.files,
      directory,
      owner: { shard, storeId },
      slabs: this.#slabs,
      onProgress: progressInto(new Counters(this.#control)),
      monotonicMs: () => this.#env.clock.monotonicMs(),
    });
    this.#recovered = recovered;
    return {
      leases: recovered.table.leases.count,
      lsn: recovered.lsn,
      epoch: recovered.scan.lastEpoch,
      lastStoreMs: recovered.lastStoreMs,
      replayed: recovered.replayed,
      checkpointLsn: recovered.checkpoint?.lsn ?? 0,
      damagedCheckpoints: recovered.damaged.map(({ path }) => path),
      tornBytes: recovered.scan.torn?.bytes ?? 0,
      fill: fillOf(recovered.report, this.#slabs.nodeBytes),
      took: recovered.took,
    };
  }

  /** Settles the log, begins a new segment, makes the token ceiling durable and publishes the first commit. */
  start(order: StartOrder): void {
    const recovered = this.#recovered;
    assert(recovered !== undefined, 'a shard starts after it recovered');
    const { files } = this.#env;
    const { directory } = this.#config;
    removeTemporaries(files, directory);
    // The log stands in for them, and must not be cut at theirs when the next checkpoint is made.
    for (const { path } of recovered.damaged) files.unlink(path);
    const counters = new Counters(this.#control);
    counters.set(
      AT.walBytes,
      recovered.scan.segments.reduce((sum, segment) => sum + segment.bytes, 0),
    );
    this.#begin(recovered, order, counters);
  }

  /**
   * Goes on where a thread that died left off, in the memory that readers still use (see {@link resumeShard}); then as
   * {@link start}. Requests that the dead thread had not answered are dropped: their callers were told.
   *
   * @throws ERR_HOLDFAST_CORRUPT if the memory does not hold together
   */
  resume(time: TimeBase): ResumeSummary {
    const started = this.#env.clock.monotonicMs();
    const { shard, storeId, directory } = this.#config;
    const control = this.#control;
    const counters = new Counters(control);
    forgetWaiting(control);
    new RingReader(this.#config.requests).discard();
    const resumed = soundOrCorrupt(shard, () =>
      resumeShard({
        files: this.#env.files,
        directory,
        owner: { shard, storeId },
        slabs: this.#slabs,
        commits: new Commits(control),
      }),
    );
    this.#begin(resumed, { time, onRestart: 'keep-deadlines' }, counters);
    Atomics.add(control.signed, RESTARTS, 1);
    return { leases: resumed.table.leases.count, tookMs: this.#env.clock.monotonicMs() - started };
  }

  #begin(recovered: Resumed, order: StartOrder, counters: Counters): void {
    const { files, clock, random } = this.#env;
    const { shard, storeId, directory, durability, segmentBytesMax } = this.#config;
    const time = new StoreTime(clock, order.time);
    const nowMs = () => time.nowMs();
    settleLog(files, directory, recovered.scan);
    const wal = WalWriter.create(files, directory, {
      shard,
      storeId,
      segmentId: recovered.scan.lastSegmentId + 1,
      epoch: recovered.scan.lastEpoch + 1,
      lastLsn: recovered.lsn,
      // When the store goes on is told by the frames of the opening; until they are there, it has not.
      storeMs: recovered.lastStoreMs,
      salt: random(),
    });
    const tokens = new TokenSource(recovered.tokenFloor);
    const frame = new FrameBuilder();
    try {
      // A log starts with a segment without records; left in place, it would pass for a whole log if all others were lost.
      const [first] = recovered.scan.segments;
      if (first !== undefined) dropSegmentsBelow(files, directory, first.firstLsn - 1);
      writeOpening(recovered, order, this.#slabs, wal, frame, tokens, nowMs());
    } catch (error) {
      wal.close();
      throw error;
    }
    const log = new LogKeeper(this.#control, wal, new Bell(this.#config.bell), counters, random, segmentBytesMax);
    this.#assemble(recovered, log, frame, tokens, counters, nowMs, durability);
  }

  #assemble(
    recovered: Resumed,
    log: LogKeeper,
    frame: FrameBuilder,
    tokens: TokenSource,
    counters: Counters,
    nowMs: () => number,
    durability: Durability,
  ): void {
    const config = this.#config;
    const control = this.#control;
    const { table, allocator } = recovered;
    const requests = new RingReader(config.requests);
    const completions = new Completions(new RingWriter(config.completions), new ClientBell(config.clientBell));
    const commits = new Commits(control);
    const memory = new MemoryGuard({ allocator, commits, table, counters, nowMs });
    const writer = new ShardWriter({
      control,
      slabs: this.#slabs,
      allocator,
      commits,
      table,
      tokens,
      frame,
      log,
      requests,
      completions,
      counters,
      memory,
      durability,
      sweepIntervalMs: config.sweepIntervalMs,
      nowMs,
    });
    writer.publishFirst();
    const spin = spinMs(config.waitStrategy, config.shards, config.cores);
    const waiter = new Waiter(control, requests, spin, nowMs, () => writer.due);
    const stopping = () => this.#stopping;
    this.#loop = { control, writer, waiter, log, memory, frame, nowMs, stopping };
  }

  /** Takes one group, without waiting; for whoever drives a shard by hand. */
  step(): boolean {
    return this.#running.writer.runGroup();
  }

  /** Works until {@link stop}. */
  async run(): Promise<void> {
    await runLoop(this.#running);
  }

  /** Ends {@link run} once nothing waits. */
  stop(): void {
    this.#stopping = true;
  }

  /** Makes the end of the log say that it is one, and lets go of the files. */
  close(): void {
    const { writer, log, frame, nowMs } = this.#running;
    try {
      writer.sealTokens();
      log.mark(frame, nowMs());
      writer.answerWaiting();
    } finally {
      log.close();
    }
  }

  /** Lets go of the files, as the end of its thread would. */
  abandon(): void {
    this.#loop?.log.close();
  }

  get #running(): LoopParts {
    assert(this.#loop !== undefined, 'the shard was not started');
    return this.#loop;
  }
}

function soundOrCorrupt<T>(shard: number, resume: () => T): T {
  try {
    return resume();
  } catch (cause) {
    if (!(cause instanceof TreeDamage)) throw cause;
    throw new LeaseStoreError(
      'ERR_HOLDFAST_CORRUPT',
      `the thread of shard ${shard} died and left memory that does not hold together (${cause.message}); ` +
        'close the store and open it again: that recovers it from the disk',
      { cause },
    );
  }
}

/** What recovery is at, in the order in which it happens. */
export const RECOVERY_PHASES = ['', 'checkpoint', 'log'] as const;

/** Tells how far recovery has come through shared memory: its thread turns no event loop meanwhile. */
function progressInto(counters: Counters) {
  return (phase: 'checkpoint' | 'log', done: number, total: number): void => {
    counters.set(AT.recoveryPhase, RECOVERY_PHASES.indexOf(phase));
    counters.set(AT.recoveryDone, done);
    counters.set(AT.recoveryTotal, total);
  };
}

function fillOf({ leases, owners, names }: CommitReport, nodeBytes: number): number {
  let used = 0;
  let nodes = 0;
  for (const tree of [leases, owners, names]) {
    used += tree.usedBytes;
    nodes += tree.leaves + tree.branches;
  }
  return nodes === 0 ? 1 : used / (nodes * nodeBytes);
}
