import { setU53, u53 } from '../../native-layout/lease-record.js';
import { BIRTH, NIL } from '../../native-layout/node.js';
import { assert } from '../assert.js';
import { NodeSet } from './node-set.js';
import type { Slabs } from './slabs.js';
import { WordStack } from './word-stack.js';

/**
 * Hands out nodes to the one writer and takes them back when no reader can reach them.
 *
 * A node is *born* in a commit and *retired* by a later one. A reader pinned to commit p can reach it if
 * birth ≤ p < retired, and only then: so a long-lived snapshot keeps its own tree and nothing that was both born and
 * retired after it (interval-based reclamation; Wen et al., "Interval-Based Memory Reclamation", PPoPP 2018).
 */
export class NodeAllocator {
  readonly #slabs: Slabs;
  readonly #free = new WordStack();
  /** Nodes of the commit that is being built, and nodes of earlier ones that it retires. */
  readonly #born = new WordStack();
  readonly #own = new NodeSet();
  readonly #retiring = new WordStack();
  /** Nodes both born and retired by the commit that is being built: no reader can have seen them. */
  readonly #spare = new WordStack();
  /** Retired by published commits, oldest first: batch i is `#retired[#batchEnds[i - 1] .. #batchEnds[i])`. */
  #retired = new WordStack();
  #batches: { commit: number; end: number }[] = [];
  /** Retired nodes that the pinned commit of the key was seen to need. */
  readonly #held = new Map<number, number[]>();
  #heldCount = 0;
  #next = 1;
  #commit: number;
  /** Whether no node was ever published, so that all belong to the commit being built. */
  #unread = false;

  /** `commit` is the number of the last published commit; the one being built is the next. */
  constructor(slabs: Slabs, commit: number) {
    this.#slabs = slabs;
    this.#commit = commit + 1;
  }

  /** The commit being built. */
  get commit(): number {
    return this.#commit;
  }

  /** Whether a node may be edited in place: it belongs to the commit being built, and no reader can have seen it. */
  owns(id: number): boolean {
    return this.#unread || this.#own.has(id);
  }

  /** Nodes that can be handed out without reclaiming any. */
  get available(): number {
    return this.#spare.size + this.#free.size + (this.#slabs.capacity - this.#next);
  }

  /** Nodes in use: reachable from the published commit or the one being built, or kept for a reader. */
  get allocated(): number {
    return this.#next - 1 - this.free;
  }

  get free(): number {
    return this.#free.size + this.#spare.size;
  }

  /** Nodes retired but not yet free. */
  get retired(): number {
    return this.#retired.size + this.#heldCount;
  }

  /** Nodes born in the commit being built. */
  get born(): number {
    return this.#born.size - this.#spare.size;
  }

  /** A node of the commit being built. The caller made sure that there is one. */
  allocate(): number {
    // Still among the born, and with the right birth.
    if (this.#spare.size > 0) return this.#spare.pop();
    const id = this.#free.size > 0 ? this.#free.pop() : this.#fresh();
    const words = this.#slabs.words[id >>> this.#slabs.shift];
    setU53(words, (id & this.#slabs.mask) * this.#slabs.nodeWords + BIRTH, this.#commit);
    this.#born.push(id);
    this.#own.add(id);
    return id;
  }

  /** The tree no longer refers to this node from the commit being built on. */
  retire(id: number): void {
    assert(id !== NIL, 'retire of no node');
    if (this.#own.has(id)) this.#spare.push(id);
    else if (this.#unread) this.#free.push(id);
    else this.#retiring.push(id);
  }

  /** The commit being built was published; what it retired waits for its readers. */
  published(): void {
    const commit = this.#commit;
    for (let i = 0; i < this.#retiring.size; i++) this.#retired.push(this.#retiring.at(i));
    while (this.#spare.size > 0) this.#free.push(this.#spare.pop());
    if (this.#retired.size > (this.#batches.at(-1)?.end ?? 0)) this.#batches.push({ commit, end: this.#retired.size });
    this.#retiring.clear();
    this.#disown();
    this.#unread = false;
    this.#commit++;
  }

  /** The commit being built is given up: what was born in it is free again, what it retired stays. */
  rollback(): void {
    for (let i = 0; i < this.#born.size; i++) this.#free.push(this.#born.at(i));
    this.#disown();
    this.#retiring.clear();
    this.#spare.clear();
  }

  /** Frees what no pinned commit needs. `pins`: commit numbers, ascending, read after the last publication. */
  reclaim(pins: readonly number[]): void {
    const pinned = new Set(pins);
    for (const [pin, ids] of this.#held) {
      if (pinned.has(pin)) continue;
      this.#held.delete(pin);
      this.#heldCount -= ids.length;
      // `pin` was the youngest that needed them, and no pin can come back to an old commit: only older ones are left.
      for (const id of ids) this.#settle(id, pin, pins);
    }
    let from = 0;
    for (const batch of this.#batches) {
      for (let i = from; i < batch.end; i++) this.#settle(this.#retired.at(i), batch.commit, pins);
      from = batch.end;
    }
    this.#retired.clear();
    this.#batches = [];
  }

  /**
   * Takes over nodes up to `highest`, all in use, that no reader knows of. Until the first publication they are edited in
   * place: there is nothing to roll back to.
   */
  adoptUnread(highest: number): void {
    assert(this.#next === 1, 'adopt of an allocator in use');
    this.#next = highest + 1;
    this.#unread = true;
  }

  /**
   * Takes over memory that a dead writer left: everything not in `live` is free. Ids up to `highest` were in use.
   * `held`: of the living nodes, those that the published commit no longer needs, by the youngest pinned commit that does.
   */
  adopt(live: (id: number) => boolean, highest: number, held: ReadonlyMap<number, number[]> = new Map()): void {
    assert(this.#next === 1, 'adopt of an allocator in use');
    for (const [pin, ids] of held) {
      this.#held.set(pin, [...ids]);
      this.#heldCount += ids.length;
    }
    this.#next = highest + 1;
    for (let id = highest; id >= 1; id--) if (!live(id)) this.#free.push(id);
  }

  #disown(): void {
    for (let i = 0; i < this.#born.size; i++) this.#own.delete(this.#born.at(i));
    this.#born.clear();
  }

  #settle(id: number, retiredBy: number, pins: readonly number[]): void {
    const pin = lastBelow(pins, retiredBy);
    if (pin === undefined || pin < this.#birth(id)) {
      this.#free.push(id);
      return;
    }
    const held = this.#held.get(pin);
    if (held === undefined) this.#held.set(pin, [id]);
    else held.push(id);
    this.#heldCount++;
  }

  #fresh(): number {
    const id = this.#next++;
    assert(id < this.#slabs.capacity, 'no node left');
    return id;
  }

  #birth(id: number): number {
    return u53(this.#slabs.words[id >>> this.#slabs.shift], (id & this.#slabs.mask) * this.#slabs.nodeWords + BIRTH);
  }
}

/** The greatest of the ascending numbers that is below `bound`. */
function lastBelow(ascending: readonly number[], bound: number): number | undefined {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle] < bound) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : ascending[low - 1];
}
