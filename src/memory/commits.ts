import { setU53, u53 } from '../../native-layout/lease-record.js';
import * as layout from '../../native-layout/shard-control.js';
import { assert } from '../assert.js';
import { type Commit, type Control, readCommit } from './control.js';

/** The commits that readers hold, as the writer saw them in one look over the pin words. */
export interface PinScan {
  /** Commit numbers, ascending, without repeats. */
  readonly commits: readonly number[];
}

/**
 * The writer's side of publication. A commit is one store: the index of a filled slot goes into `current`. Slots that
 * a reader may still look at are never refilled, and which ones those are is only asked *after* `current` moved on: a
 * reader that pinned too late sees that `current` changed and tries again.
 */
export class Commits {
  readonly #control: Control;
  #free: number[] = [];

  constructor(control: Control) {
    this.#control = control;
  }

  /** The commit that readers see now. */
  get published(): Commit {
    return readCommit(this.#control, this.#control.current);
  }

  /** Makes `commit` what every later read sees. */
  publish(commit: Commit): void {
    const slot = this.#free.pop() ?? this.#findSlots();
    const w = this.#control.words;
    const at = layout.commitSlotIndex(slot);
    setU53(w, at + layout.SLOT_COMMIT, commit.commit);
    setU53(w, at + layout.SLOT_LSN, commit.lsn);
    setU53(w, at + layout.SLOT_TIME, commit.storeMs);
    w[at + layout.SLOT_LEASES] = commit.leases;
    w[at + layout.SLOT_OWNERS] = commit.owners;
    w[at + layout.SLOT_NAMES] = commit.names;
    w[at + layout.SLOT_LEASE_COUNT] = commit.leaseCount;
    w[at + layout.SLOT_OWNER_COUNT] = commit.ownerCount;
    w[at + layout.SLOT_NAME_COUNT] = commit.nameCount;
    setU53(w, at + layout.SLOT_TOKEN, commit.token);
    // Publish last: whoever sees this slot must see every word above and every node below.
    Atomics.store(this.#control.signed, layout.CURRENT, slot);
  }

  /** Looks at every pin word. Only meaningful after the commit that retires nodes was published. */
  scanPins(): PinScan {
    const commits: number[] = [];
    forEachPin(this.#control, (slot) => {
      commits.push(u53(this.#control.words, layout.commitSlotIndex(slot) + layout.SLOT_COMMIT));
    });
    commits.sort((a, b) => a - b);
    return { commits: commits.filter((commit, i) => i === 0 || commit !== commits[i - 1]) };
  }

  /** Slots whose commit some reader holds, with what they hold; the roots of a sweep after a dead writer. */
  pinned(): Commit[] {
    const slots = new Set<number>();
    forEachPin(this.#control, (slot) => slots.add(slot));
    return [...slots].map((slot) => readCommit(this.#control, slot));
  }

  /** Takes idle snapshots away whose deadline has passed (all idle ones with `everyIdle`). Answers how many. */
  oust(storeSeconds: number, everyIdle: boolean): number {
    const { signed, words } = this.#control;
    let ousted = 0;
    forEachRow(this.#control, (row, high) => {
      for (let i = 0; i < high; i++) {
        const at = row + layout.ROW_PINS + i;
        const pin = Atomics.load(signed, at);
        const idle = pin < 0;
        if (!idle || (!everyIdle && isAfter(words[row + layout.ROW_DEADLINES + i], storeSeconds))) continue;
        // A reader that just became active wins: its pin no longer has the idle value.
        if (Atomics.compareExchange(signed, at, pin, layout.PIN_OUSTED) === pin) ousted++;
      }
    });
    return ousted;
  }

  /** A few slots that nobody can be looking at: not current, not pinned, as seen after `current` last moved. */
  #findSlots(): number {
    const taken = new Set<number>([this.#control.current]);
    forEachPin(this.#control, (slot) => taken.add(slot));
    const free: number[] = [];
    for (let slot = 0; slot < layout.COMMIT_SLOTS && free.length < SLOTS_AT_ONCE; slot++) {
      if (!taken.has(slot)) free.push(slot);
    }
    const first = free.pop();
    assert(first !== undefined, 'more pins than commit slots');
    this.#free = free;
    return first;
  }
}

/** Of seconds that are kept modulo 2^32, as deadlines of pins are. */
function isAfter(deadline: number, seconds: number): boolean {
  return ((deadline - seconds) | 0) > 0;
}

/** Slots in use at a time: enough that the pin words are rarely read, few enough that the slots stay in cache. */
const SLOTS_AT_ONCE = 64;

function forEachRow(control: Control, visit: (row: number, high: number) => void): void {
  for (let r = 0; r < layout.READER_ROWS; r++) {
    const row = layout.rowIndex(r);
    if (Atomics.load(control.signed, row + layout.ROW_ATTACHED) === 0) continue;
    visit(row, Atomics.load(control.signed, row + layout.ROW_HIGH));
  }
}

function forEachPin(control: Control, visit: (slot: number) => void): void {
  forEachRow(control, (row, high) => {
    for (let i = 0; i < high; i++) {
      const pin = Atomics.load(control.signed, row + layout.ROW_PINS + i);
      if (pin !== 0 && pin !== layout.PIN_OUSTED) visit(Math.abs(pin) - 1);
    }
  });
}
