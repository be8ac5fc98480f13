import type { Control } from '../memory/control.js';
import { standAtGate } from './gate.js';
import type { LogKeeper } from './log-keeper.js';
import type { MemoryGuard } from './memory-guard.js';
import type { ShardWriter } from './shard-writer.js';
import type { Waiter } from './wait.js';
import type { FrameBuilder } from '../wal/frame-builder.js';

/** After so long without a write, the log is synced and says so in a durable mark. */
const IDLE_MARK_MS = 250;
/** Resting snapshots past their deadline are looked for this often. */
const OUST_EVERY_MS = 1000;

/** What nobody tells the end of is looked at again after so long, then twice as long each time, up to a limit. */
const STUCK_LOOK_MS = 0.05;
const STUCK_LOOK_MS_MAX = 2;

export interface LoopParts {
  readonly control: Control;
  readonly writer: ShardWriter;
  readonly waiter: Waiter;
  readonly log: LogKeeper;
  readonly memory: MemoryGuard;
  readonly frame: FrameBuilder;
  readonly nowMs: () => number;
  /** Whether somebody asked the shard to end; it does so once nothing waits. */
  readonly stopping: () => boolean;
}

/** A shard's life between start and stop: work while there is any, then spin, then sleep. */
export async function runLoop(p: LoopParts): Promise<void> {
  let oustAtMs = 0;
  let stuckLookMs = STUCK_LOOK_MS;
  for (;;) {
    const worked = p.writer.runGroup();
    if (worked) stuckLookMs = STUCK_LOOK_MS;
    if (worked && p.writer.takeBarrier()) standAtGate(p.control);
    // Between groups the writer's clock is as good as a new look at the machine's.
    const nowMs = worked ? p.writer.nowMs : p.nowMs();
    if (nowMs >= oustAtMs) {
      p.memory.oustOverdue();
      oustAtMs = nowMs + OUST_EVERY_MS;
    }
    // However much there is to do: whoever calls waits for an answer.
    if (p.waiter.takeTurn()) await turn();
    else if (worked) continue;
    else if (p.stopping()) return;
    else if (p.writer.stuck) {
      p.waiter.rest(stuckLookMs);
      stuckLookMs = Math.min(stuckLookMs * 2, STUCK_LOOK_MS_MAX);
    } else if (!p.waiter.spin()) rest(p);
  }
}

/** Nothing came while it spun: sleeps until a request comes or something falls due. */
function rest(p: LoopParts): void {
  // Its spin was as long as an idle sleep.
  if (!p.waiter.parks) {
    if (p.log.unmarked) markQuietly(p);
    return;
  }
  const dueMs = p.writer.nextDueMs - p.nowMs();
  const timeoutMs = Math.min(Math.max(dueMs, 1), p.log.unmarked ? IDLE_MARK_MS : Number.POSITIVE_INFINITY);
  const sleptFrom = p.nowMs();
  p.waiter.park(timeoutMs);
  const idle = p.nowMs() - sleptFrom >= IDLE_MARK_MS;
  if (idle && p.log.unmarked) markQuietly(p);
}

/** A mark is a courtesy to the next recovery: if the disk refuses it, the next write will meet the same error. */
function markQuietly(p: LoopParts): void {
  try {
    p.log.mark(p.frame, p.nowMs());
  } catch {
    // A failed sync has raised its flag; a full disk is found by the next write.
  }
}

/** Lets messages in. Two turns: one delivers the message, the next runs what it called. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
