import type { Completion } from './completion.js';

/** Whoever waits for one or several completions. `index` tells a batch which of its operations this one is. */
export interface Target {
  complete(completion: Completion, index: number): void;
  fail(error: Error, index: number): void;
}

/** Calls under way: numbers that travel with the requests, and who waits behind each. */
export class Calls {
  readonly #targets: (Target | undefined)[] = [];
  readonly #indexes: number[] = [];
  readonly #shards: number[] = [];
  readonly #free: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(target: Target, index: number, shard: number): number {
    const call = this.#free.pop() ?? this.#targets.length;
    this.#targets[call] = target;
    this.#indexes[call] = index;
    this.#shards[call] = shard;
    this.#size++;
    return call;
  }

  complete(completion: Completion): void {
    const { call } = completion;
    const target = this.#targets[call];
    if (target === undefined) return;
    this.#drop(call);
    target.complete(completion, this.#indexes[call]);
  }

  /** Fails every call to a shard but those in `except`. */
  failShard(shard: number, error: Error, except: ReadonlySet<number>): void {
    for (let call = 0; call < this.#targets.length; call++) {
      const target = this.#targets[call];
      if (target === undefined || this.#shards[call] !== shard || except.has(call)) continue;
      this.#drop(call);
      target.fail(error, this.#indexes[call]);
    }
  }

  #drop(call: number): void {
    this.#targets[call] = undefined;
    this.#free.push(call);
    this.#size--;
  }
}
