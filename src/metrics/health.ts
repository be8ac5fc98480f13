import { channel } from 'node:diagnostics_channel';
import * as layout from '../../native-layout/shard-control.js';
import type { Control } from '../memory/control.js';
import { AT } from './counters.js';

/**
 * What is wrong with a shard now:
 *
 * - `sync-failed`: a sync of its log failed, so it takes no writes until the store is opened again
 * - `down`: its thread died and was not replaced; the same
 * - `damaged`: its memory was found damaged, or the log that a dead thread's successor read; the whole store answers nothing more until it is opened again
 * - `disk-full`: writes fail until there is room; they then go on by themselves
 * - `checkpoint-failing`: the last checkpoint failed; the log grows until one succeeds
 * - `clock-clamped`: at opening the wall clock stood more than a second behind the store's time, which went on from where
 *   it was; stays until the store is opened again
 */
export type Degradation = 'sync-failed' | 'down' | 'damaged' | 'disk-full' | 'checkpoint-failing' | 'clock-clamped';

export interface ShardHealth {
  readonly shard: number;
  /** Empty in a healthy shard. */
  readonly degraded: readonly Degradation[];
  /** How often its thread was replaced since the store was opened. */
  readonly restarts: number;
  /** Snapshots that were taken away from readers since then: overdue ones, and idle ones whose memory was needed. */
  readonly snapshotsOusted: number;
}

export interface StoreHealth {
  /** Whether no shard is degraded. */
  readonly ok: boolean;
  readonly shards: readonly ShardHealth[];
}

/** A message on the diagnostics channel `holdfast:health`. */
export interface HealthEvent {
  /** The store's directory. */
  readonly directory: string;
  readonly shard: number;
  /** `snapshot-ousted` and `restarted` are told each time; `degraded` and `recovered` name a state that began or ended. */
  readonly event: 'degraded' | 'recovered' | 'restarted' | 'snapshot-ousted';
  readonly degradation?: Degradation;
}

const FLAGS: readonly (readonly [flag: number, degradation: Degradation])[] = [
  [layout.HEALTH_SYNC_FAILED, 'sync-failed'],
  [layout.HEALTH_DOWN, 'down'],
  [layout.HEALTH_DAMAGED, 'damaged'],
  [layout.HEALTH_DISK_FULL, 'disk-full'],
  [layout.HEALTH_CHECKPOINT_FAILING, 'checkpoint-failing'],
  [layout.HEALTH_CLOCK_CLAMPED, 'clock-clamped'],
];

export function shardHealth(control: Control): ShardHealth {
  const { health } = control;
  return {
    shard: control.words[layout.SHARD],
    degraded: FLAGS.filter(([flag]) => (health & flag) !== 0).map(([, degradation]) => degradation),
    restarts: control.words[layout.RESTARTS],
    snapshotsOusted: control.doubles[AT.snapshotsOusted],
  };
}

const LOOK_EVERY_MS = 250;

/**
 * Tells the diagnostics channel of what changes. The flags are raised by threads of all kinds, so one look at all of
 * them now and then is what is told; it may miss a state that lasts for less than a look.
 */
export class HealthWatch {
  readonly #directory: string;
  readonly #controls: readonly Control[];
  readonly #channel = channel('holdfast:health');
  readonly #timer: NodeJS.Timeout;
  #seen: readonly ShardHealth[];

  constructor(directory: string, controls: readonly Control[]) {
    this.#directory = directory;
    this.#controls = controls;
    // What is wrong from the start is told at the first look.
    this.#seen = controls.map((control) => ({ ...shardHealth(control), degraded: [] }));
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  get now(): StoreHealth {
    const shards = this.#controls.map(shardHealth);
    return { ok: shards.every(({ degraded }) => degraded.length === 0), shards };
  }

  /** Tells what changed since the last look, and looks no more. */
  close(): void {
    clearInterval(this.#timer);
    this.#look();
  }

  #look(): void {
    const before = this.#seen;
    this.#seen = this.now.shards;
    for (const [i, now] of this.#seen.entries()) this.#compare(before[i], now);
  }

  #compare(before: ShardHealth, now: ShardHealth): void {
    for (const degradation of now.degraded) {
      if (!before.degraded.includes(degradation)) this.#tell(now.shard, 'degraded', degradation);
    }
    for (const degradation of before.degraded) {
      if (!now.degraded.includes(degradation)) this.#tell(now.shard, 'recovered', degradation);
    }
    for (let i = before.restarts; i < now.restarts; i++) this.#tell(now.shard, 'restarted');
    for (let i = before.snapshotsOusted; i < now.snapshotsOusted; i++) this.#tell(now.shard, 'snapshot-ousted');
  }

  #tell(shard: number, event: HealthEvent['event'], degradation?: Degradation): void {
    const message: HealthEvent = { directory: this.#directory, shard, event };
    this.#channel.publish(degradation === undefined ? message : { ...message, degradation });
  }
}
