/** What a history is made of: something that took effect, if it did, at one instant between two. */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
  /** Undefined where there was none: it may have had an effect or not. */
  readonly reply: unknown;
}

export type Verdict =
  | { readonly ok: true }
  /**
   * The longest order that could be found explains `explained` operations, and ends in those of `last`; after it, none of
   * `next` can come. All are indices.
   */
  | {
      readonly ok: false;
      readonly explained: number;
      readonly last: readonly number[];
      readonly next: readonly number[];
    };

const LAST_SHOWN = 8;

/**
 * The state after an operation, or undefined where its reply cannot be explained; of one without a reply, the state if
 * it has had its effect. States are compared by their JSON.
 */
export type Step<State, Op> = (state: State, operation: Op) => State | undefined;

/**
 * Whether there is one order of all operations, such that none comes before another that had ended when it began, and
 * each is answered as if they had been carried out in that order, one at a time (Herlihy and Wing, 1990). The search is
 * Wing and Gong's (1993) with Lowe's memory of what was tried (2017): the same operations in another order, with the same
 * state, are not tried twice. Operations without a reply are placed somewhere or left out.
 */
export function checkLinearizable<State, Op extends Interval>(
  operations: readonly Op[],
  initial: State,
  step: Step<State, Op>,
): Verdict {
  const timeline = new Timeline(operations);
  const placed: Placed<State>[] = [];
  const tried = new Set<string>();
  const done = new Uint8Array(operations.length);
  let state = initial;
  let longest: Verdict & { ok: false } = { ok: false, explained: 0, last: [], next: timeline.open() };

  /** Whether the operation's having been dealt with, with this state after it, is something new. */
  const isNew = (index: number, after: State): boolean => {
    done[index] = 1;
    const situation = `${keyOf(done)} ${JSON.stringify(after)}`;
    const known = tried.has(situation);
    if (known) done[index] = 0;
    else tried.add(situation);
    return !known;
  };

  for (let at = timeline.first; at !== NONE; ) {
    const index = timeline.operationAt(at);
    const operation = operations[index];
    const isCall = timeline.isCall(at);
    // An operation that nobody was told of may have had none, which is settled when it can have none any more.
    const after = isCall ? step(state, operation) : operation.reply === undefined ? state : undefined;
    if (after !== undefined && isNew(index, after)) {
      placed.push({ index, before: state, at });
      state = after;
      timeline.lift(index);
      at = timeline.first;
    } else if (isCall) at = timeline.after(at);
    else {
      // This one should have come before now: whatever was placed last was wrong.
      if (placed.length > longest.explained) {
        const last = placed.slice(-LAST_SHOWN).map((each) => each.index);
        longest = { ok: false, explained: placed.length, last, next: timeline.open() };
      }
      const last = placed.pop();
      if (last === undefined) return longest;
      done[last.index] = 0;
      timeline.put(last.index);
      state = last.before;
      at = timeline.isCall(last.at) ? timeline.after(last.at) : last.at;
    }
  }
  return { ok: true };
}

interface Placed<State> {
  readonly index: number;
  readonly before: State;
  /** Whether at its call, or, left out, at its end. */
  readonly at: number;
}

const NONE = -1;

function keyOf(done: Uint8Array): string {
  // Everything before the first gap is done, so only what lies behind it tells one situation from another.
  const gap = done.indexOf(0);
  if (gap < 0) return 'all';
  const last = done.lastIndexOf(1);
  return `${gap}:${done.subarray(gap, Math.max(gap, last + 1)).join('')}`;
}

/** Beginnings and ends of operations in order of time, as a list from which operations are taken and put back. */
class Timeline {
  /** Operation of each entry, doubled, plus 1 where it is its end. */
  readonly #entries: readonly number[];
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #begin: Int32Array;
  readonly #end: Int32Array;

  constructor(operations: readonly Interval[]) {
    const timeOf = (entry: number) => (entry & 1 ? operations[entry >> 1].toMs : operations[entry >> 1].fromMs);
    // At the same instant, what begins comes first: operations that touch may be taken in either order.
    this.#entries = operations
      .flatMap((_, i) => [2 * i, 2 * i + 1])
      .sort((a, b) => timeOf(a) - timeOf(b) || (a & 1) - (b & 1));
    const length = this.#entries.length;
    // One more for the head, which is before the first and behind the last.
    this.#next = Int32Array.from({ length: length + 1 }, (_, i) => (i + 1) % (length + 1));
    this.#previous = Int32Array.from({ length: length + 1 }, (_, i) => (i + length) % (length + 1));
    this.#begin = new Int32Array(operations.length);
    this.#end = new Int32Array(operations.length);
    for (const [i, entry] of this.#entries.entries()) (entry & 1 ? this.#end : this.#begin)[entry >> 1] = i;
  }

  get #head(): number {
    return this.#entries.length;
  }

  get first(): number {
    return this.after(this.#head);
  }

  after(at: number): number {
    const next = this.#next[at];
    return next === this.#head ? NONE : next;
  }

  operationAt(at: number): number {
    return this.#entries[at] >> 1;
  }

  isCall(at: number): boolean {
    return (this.#entries[at] & 1) === 0;
  }

  lift(operation: number): void {
    for (const at of [this.#begin[operation], this.#end[operation]]) {
      this.#next[this.#previous[at]] = this.#next[at];
      this.#previous[this.#next[at]] = this.#previous[at];
    }
  }

  /** Undoes the last {@link lift} that was not undone yet. */
  put(operation: number): void {
    for (const at of [this.#end[operation], this.#begin[operation]]) {
      this.#next[this.#previous[at]] = at;
      this.#previous[this.#next[at]] = at;
    }
  }

  /** The operations that may come next: those that began before any other ended. */
  open(): number[] {
    const open: number[] = [];
    for (let at = this.first; at !== NONE && this.isCall(at); at = this.after(at)) open.push(this.operationAt(at));
    return open;
  }
}
