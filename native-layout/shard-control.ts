import { CONTROL_MAGIC } from './format.js';
import { fields, word } from './fields.js';

/*
 * One control block per shard, in a SharedArrayBuffer of its own. The writer's words, the syncer's words and every
 * reader's row lie on cache lines of their own, so that no thread's store slows another's loop.
 */

const LINE = 64;

/** Threads that can read a store at the same time, the opening thread and the maintenance threads included. */
export const READER_ROWS = 32;
/** Pins that one thread can hold on one shard at the same time (each snapshot is one, each open iterator is one). */
export const PINS_PER_ROW = 64;
/** More slots than pins can hold, so that the writer always finds a free one: one for `current`, one to fill. */
export const COMMIT_SLOTS = READER_ROWS * PINS_PER_ROW + 2;

const f = fields();
const MAGIC_AT = f.u32('magic');
const SHARD_AT = f.u32('shard');
const NODE_BYTES_AT = f.u32('node bytes');
f.align(LINE);
const CURRENT_AT = f.u32('current: index of the published commit slot');
f.align(LINE);
const DOORBELL_AT = f.u32('doorbell: rings that the shard has not answered');
const PARKED_AT = f.u32('parked: 1 while the shard waits on its doorbell');
const TURN_AT = f.u32('turn: 1 asks the shard to turn its event loop');
const GATE_AT = f.u32('gate: GATE_SHUT while the shard stands at a barrier');
f.align(LINE);
const HEALTH_AT = f.u32('health: flags that outlive the thread');
const RESTARTS_AT = f.u32('restarts of the shard thread');
f.align(LINE);
const WRITTEN_LSN_AT = f.cell64('LSN written to the page cache');
const SEGMENT_AT = f.cell64('segment that the written LSN is in');
f.align(LINE);
const DURABLE_LSN_AT = f.cell64('LSN known to be on the disk');
const SYNC_WANTED_AT = f.cell64('LSN that somebody waits for');
const SYNCING_AT = f.u32('syncing: 1 while the sync thread syncs the log');
f.align(LINE);

/**
 * Numbers that one thread alone writes (the shard, but for those of checkpoints), as aligned doubles; any thread may
 * read them at any time.
 */
export const COUNTERS = [
  'acquired',
  'held',
  'renewed',
  'released',
  'refused',
  'imported',
  'expired',
  'commits',
  'walBytes',
  'walFrames',
  'syncs',
  'walBytesAtCheckpoint',
  'checkpoints',
  'checkpointFailures',
  'checkpointBytes',
  'checkpointLsn',
  'nodesAllocated',
  'nodesFree',
  'nodesRetired',
  'nodesPeak',
  'nodesBornLast',
  'nodesTotalLast',
  'earliestDeadlineMs',
  'tokenHigh',
  'tokenCeiling',
  'snapshotsOusted',
  'recoveryPhase',
  'recoveryDone',
  'recoveryTotal',
] as const;
export type Counter = (typeof COUNTERS)[number];

const counterOffsets = new Map<Counter, number>();
for (const name of COUNTERS) counterOffsets.set(name, f.cell64(name));
f.align(LINE);

/** Buckets of a latency histogram: four to every doubling of the nanoseconds. */
export const HISTOGRAM_BUCKETS = 160;
export const HISTOGRAMS = ['commitNs', 'walNs', 'groupSize'] as const;
export type HistogramName = (typeof HISTOGRAMS)[number];
const histogramOffsets = new Map<HistogramName, number>();
for (const name of HISTOGRAMS) histogramOffsets.set(name, f.words(name, HISTOGRAM_BUCKETS));
f.align(LINE);

const r = fields();
const ROW_ATTACHED_AT = r.u32('attached: 0 free, ROW_CLAIMED for a thread, ROW_TAKEN by it');
const ROW_HIGH_AT = r.u32('pin words ever used');
r.align(LINE);
const ROW_PINS_AT = r.words('pins: 0 free, slot + 1 active, -(slot + 1) idle, PIN_OUSTED', PINS_PER_ROW);
const ROW_DEADLINES_AT = r.words('deadline of each pin, store seconds', PINS_PER_ROW);
export const READER_ROW_LAYOUT = r.layout();
const ROW_BYTES = r.end(64);
const ROWS_AT = f.words('reader rows', (READER_ROWS * ROW_BYTES) / 4);

const c = fields();
const SLOT_COMMIT_AT = c.u53('commit number');
const SLOT_LSN_AT = c.u53('LSN');
const SLOT_TIME_AT = c.u53('store time, ms');
const SLOT_LEASES_AT = c.u32('root of the leases');
const SLOT_OWNERS_AT = c.u32('root of the owners');
const SLOT_NAMES_AT = c.u32('root of the names');
const SLOT_LEASE_COUNT_AT = c.u32('leases');
const SLOT_OWNER_COUNT_AT = c.u32('entries of the owners');
const SLOT_NAME_COUNT_AT = c.u32('entries of the names');
const SLOT_TOKEN_AT = c.u53('highest token given out');
c.align(LINE);
export const COMMIT_SLOT_LAYOUT = c.layout();
const COMMIT_SLOT_BYTES = c.end(64);
const COMMIT_SLOTS_AT = f.words('commit slots', (COMMIT_SLOTS * COMMIT_SLOT_BYTES) / 4);

export const CONTROL_LAYOUT = f.layout();
export const CONTROL_BYTES = f.end(64);

/** Word indices into an Int32Array or Uint32Array over the block. */
export const MAGIC = word(MAGIC_AT);
export const SHARD = word(SHARD_AT);
export const NODE_BYTES = word(NODE_BYTES_AT);
export const CURRENT = word(CURRENT_AT);
export const DOORBELL = word(DOORBELL_AT);
export const PARKED = word(PARKED_AT);
export const TURN = word(TURN_AT);
export const GATE = word(GATE_AT);
export const HEALTH = word(HEALTH_AT);
export const RESTARTS = word(RESTARTS_AT);
/** Indices into a BigInt64Array over the block. */
export const WRITTEN_LSN = WRITTEN_LSN_AT / 8;
export const SEGMENT = SEGMENT_AT / 8;
export const DURABLE_LSN = DURABLE_LSN_AT / 8;
export const SYNC_WANTED = SYNC_WANTED_AT / 8;
/** Word index. */
export const SYNCING = word(SYNCING_AT);

/** Index into a Float64Array over the block. */
export function counterIndex(name: Counter): number {
  return (counterOffsets.get(name) as number) / 8;
}

/** Word index of a histogram's first bucket. */
export function histogramIndex(name: HistogramName): number {
  return word(histogramOffsets.get(name) as number);
}

export function rowIndex(row: number): number {
  return word(ROWS_AT + row * ROW_BYTES);
}
export const ROW_ATTACHED = word(ROW_ATTACHED_AT);
export const ROW_HIGH = word(ROW_HIGH_AT);
export const ROW_PINS = word(ROW_PINS_AT);
export const ROW_DEADLINES = word(ROW_DEADLINES_AT);

/** A row is claimed for a thread by the opener of the store, and taken by that thread if it came with a handle. */
export const ROW_CLAIMED = 1;
export const ROW_TAKEN = 2;

/** What the writer puts over an idle snapshot's pin to take its commit away. */
export const PIN_OUSTED = 0x7fffffff;

export function commitSlotIndex(slot: number): number {
  return word(COMMIT_SLOTS_AT + slot * COMMIT_SLOT_BYTES);
}
export const SLOT_COMMIT = word(SLOT_COMMIT_AT);
export const SLOT_LSN = word(SLOT_LSN_AT);
export const SLOT_TIME = word(SLOT_TIME_AT);
export const SLOT_LEASES = word(SLOT_LEASES_AT);
export const SLOT_OWNERS = word(SLOT_OWNERS_AT);
export const SLOT_NAMES = word(SLOT_NAMES_AT);
export const SLOT_LEASE_COUNT = word(SLOT_LEASE_COUNT_AT);
export const SLOT_OWNER_COUNT = word(SLOT_OWNER_COUNT_AT);
export const SLOT_NAME_COUNT = word(SLOT_NAME_COUNT_AT);
export const SLOT_TOKEN = word(SLOT_TOKEN_AT);

/** Nobody stands at the gate, or it was opened; a shard waits in front of it; the shard gave up waiting. */
export const GATE_OPEN = 0;
export const GATE_SHUT = 1;
export const GATE_ABANDONED = 2;

/** Health flags; they live in shared memory, so a replaced thread inherits them. */
export const HEALTH_SYNC_FAILED = 1;
export const HEALTH_DISK_FULL = 2;
export const HEALTH_CHECKPOINT_FAILING = 4;
export const HEALTH_CLOCK_CLAMPED = 8;
export const HEALTH_CLOSED = 16;
export const HEALTH_DOWN = 32;
export const HEALTH_DAMAGED = 64;

/** A fresh block: zeros but for its name. */
export function createControl(shard: number, nodeBytes: number): SharedArrayBuffer {
  const block = new SharedArrayBuffer(CONTROL_BYTES);
  const words = new Uint32Array(block);
  words[MAGIC] = CONTROL_MAGIC;
  words[SHARD] = shard;
  words[NODE_BYTES] = nodeBytes;
  return block;
}
