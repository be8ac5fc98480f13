import { createContext, runInContext } from 'node:vm';
import type { Random } from '../support/tree-random.js';

/** What a hostile caller does while its arguments are being read. */
export type Interruption = () => void;

/** Thrown by what the caller handed in. It must come back as the cause of a typed error, if at all. */
export class CallersError extends Error {}

const realm = createContext({});
const foreign = (code: string): unknown => runInContext(code, realm);

const HUGE = new Array(2 ** 20);
let deep: unknown[] = [];
for (let i = 0; i < 20_000; i++) deep = [deep];
const DEEP = deep;

const NAMES = ['type', 'id', 'key', 'owner', 'ttlMs', 'value', 'token', 'durability', 'previous', 'limit', 'length'];

/** Values that no caller in their right mind would pass, and some that only look like it. */
export class Hostile {
  readonly #random: Random;
  /** What getters and traps do before they answer. */
  readonly #interrupt: Interruption;

  constructor(random: Random, interrupt: Interruption) {
    this.#random = random;
    this.#interrupt = interrupt;
  }

  /** Anything at all. */
  value(depth = 2): unknown {
    const random = this.#random;
    switch (random.below(8)) {
      case 0:
        return random.pick(PRIMITIVES);
      case 1:
        return random.pick(TEXTS)();
      case 2:
        return random.pick(OBJECTS)();
      case 3:
        return this.#bytes();
      case 4:
        return depth > 0 ? this.disguise(this.value(depth - 1)) : random.pick(PRIMITIVES);
      case 5:
        return this.#array(depth);
      case 6:
        return this.#iterable(depth);
      default:
        return this.#record(depth);
    }
  }

  /** Something that is sound but for one place, or read in a strange way. */
  corrupt(sound: unknown): unknown {
    const random = this.#random;
    if (random.chance(0.1)) return this.value();
    if (typeof sound !== 'object' || sound === null) return random.chance(0.5) ? this.value(1) : sound;
    if (Array.isArray(sound)) {
      if (random.chance(0.3)) return this.disguise(sound);
      const at = random.below(sound.length + 1);
      return sound.map((each, i) => (i === at ? this.corrupt(each) : each));
    }
    if (random.chance(0.4)) return this.disguise(sound);
    const names = Object.keys(sound);
    if (names.length === 0 || random.chance(0.1)) return { ...sound, [random.pick(NAMES)]: this.value(1) };
    const name = random.pick(names);
    const within = (sound as Record<string, unknown>)[name];
    return { ...sound, [name]: this.corrupt(within) };
  }

  /** The same thing behind getters, a proxy, a prototype or another realm. */
  disguise(sound: unknown): unknown {
    const random = this.#random;
    if (typeof sound !== 'object' || sound === null) return sound;
    switch (random.below(9)) {
      case 0:
        return Object.create(sound);
      case 1:
        return Object.assign(Object.create(null), sound);
      case 2:
        return this.#getters(sound, (_, value) => value);
      case 3:
        // Another answer each time: what was checked must be what is used.
        return this.#getters(sound, (times, value) => (times === 0 ? value : this.value(0)));
      case 4:
        return this.#getters(sound, () => {
          throw new CallersError('a getter of the caller');
        });
      case 5:
        return this.#proxy(sound, 0);
      case 6:
        return this.#proxy(sound, 0.2);
      case 7: {
        const { proxy, revoke } = Proxy.revocable(sound, {});
        revoke();
        return proxy;
      }
      default:
        return Object.freeze(Array.isArray(sound) ? [...sound] : { ...sound });
    }
  }

  #getters(sound: object, answer: (times: number, value: unknown) => unknown): object {
    const made: object = Array.isArray(sound) ? [] : {};
    for (const [name, value] of Object.entries(sound)) {
      let times = 0;
      Object.defineProperty(made, name, {
        enumerable: true,
        configurable: true,
        get: () => {
          this.#interrupt();
          return answer(times++, value);
        },
      });
    }
    return made;
  }

  /** Every trap interrupts; some throw. */
  #proxy(target: object, throwing: number): object {
    const random = this.#random;
    const trap = (): void => {
      this.#interrupt();
      if (random.chance(throwing)) throw new CallersError('a trap of the caller');
    };
    return new Proxy(target, {
      get(of, name, receiver) {
        trap();
        return Reflect.get(of, name, receiver);
      },
      has(of, name) {
        trap();
        return Reflect.has(of, name);
      },
      ownKeys(of) {
        trap();
        return Reflect.ownKeys(of);
      },
      getOwnPropertyDescriptor(of, name) {
        trap();
        return Reflect.getOwnPropertyDescriptor(of, name);
      },
      getPrototypeOf(of) {
        trap();
        return Reflect.getPrototypeOf(of);
      },
    });
  }

  #array(depth: number): unknown {
    const random = this.#random;
    const array: unknown[] = Array.from({ length: random.below(4) }, () => (depth > 0 ? this.value(depth - 1) : 0));
    switch (random.below(5)) {
      case 0:
        return HUGE;
      case 1:
        return Object.assign(array, { map: () => 'not an array', slice: () => 7, [Symbol.iterator]: undefined });
      case 2:
        return { length: 2, 0: array[0], 1: array[1] };
      case 3:
        return Object.defineProperty(array, 'constructor', {
          get() {
            throw new CallersError('a constructor of the caller');
          },
        });
      default:
        return array;
    }
  }

  #iterable(depth: number): unknown {
    const random = this.#random;
    const items = Array.from({ length: random.below(3) }, () => (depth > 0 ? this.value(depth - 1) : 0));
    const interrupt = this.#interrupt;
    switch (random.below(4)) {
      case 0:
        return (function* () {
          interrupt();
          yield* items;
          throw new CallersError('an iterator of the caller');
        })();
      case 1:
        return (async function* () {
          interrupt();
          yield* items;
          throw new CallersError('an iterator of the caller');
        })();
      case 2:
        return { [Symbol.iterator]: this.value(0) };
      default:
        return { [Symbol.asyncIterator]: () => ({ next: () => this.value(0) }) };
    }
  }

  #record(depth: number): object {
    const record: Record<string, unknown> = {};
    for (let i = this.#random.below(5); i > 0; i--) {
      record[this.#random.pick(NAMES)] = depth > 0 ? this.value(depth - 1) : 1;
    }
    return record;
  }

  #bytes(): unknown {
    const random = this.#random;
    const length = random.pick([0, 1, 100, 4096, 4097]);
    switch (random.below(7)) {
      case 0: {
        const bytes = new Uint8Array(length);
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
        return bytes;
      }
      case 1:
        return new Uint8Array(new SharedArrayBuffer(length));
      case 2: {
        const buffer = new ArrayBuffer(length, { maxByteLength: 8192 });
        const bytes = new Uint8Array(buffer);
        buffer.resize(0);
        return bytes;
      }
      case 3:
        return new (class extends Uint8Array {
          override get length(): number {
            return 2 ** 40;
          }
          override *[Symbol.iterator](): ArrayIterator<number> {
            for (;;) yield 1;
          }
        })(length);
      case 4:
        return Object.create(Uint8Array.prototype);
      case 5:
        return foreign(`new Uint8Array(${length})`);
      default:
        return random.pick([new Float64Array(3), new DataView(new ArrayBuffer(3)), new ArrayBuffer(9)]);
    }
  }
}

const PRIMITIVES: readonly unknown[] = [
  ...[undefined, null, true, false, 0, -0, 1, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...[2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 - 1, -(2 ** 53), 1e308, Number.MIN_VALUE, 5n, 2n ** 64n],
  ...[Symbol('s'), Symbol.iterator, () => 1, class {}, async () => {}],
  ...['synced', 'written', 'buffer', '__proto__', 'constructor', 'toString', 'then', '5', 'a'],
];

const TEXTS: readonly (() => string)[] = [
  () => '',
  () => '\ud800',
  () => 'x\udfff',
  () => 'a\0b',
  () => '\0',
  () => '\u{10ffff}'.repeat(32),
  () => '\u{10ffff}'.repeat(33),
  () => 'é'.repeat(128),
  () => 'x'.repeat(256),
  () => 'x'.repeat(257),
  () => 'x'.repeat(100_000),
  () => '../../etc/passwd',
  () => 'a/b\\c%00',
  () => '\ufeffbom\u2028',
  () => '5f0c0d9e-3b86-4b0c-9f0e-0d7a3c1f2a44',
  () => '5F0C0D9E-3B86-4B0C-9F0E-0D7A3C1F2A44',
];

const OBJECTS: readonly (() => unknown)[] = [
  () => new Date(Number.NaN),
  () => /x/g,
  () => new Map([['type', 'a']]),
  () => new Set([1]),
  () => Promise.resolve(1),
  () =>
    Object.assign(
      Promise.reject(new CallersError('rejected')).catch(() => {}),
      { type: 'a' },
    ),
  () => new CallersError('an error as an argument'),
  () => new String('a'),
  () => new Number(5),
  () => globalThis,
  () => process,
  () => new AbortController().signal,
  () => AbortSignal.abort(),
  () => foreign('({ type: "a", id: "b" })'),
  () => foreign('[{ key: { type: "a", id: "b" }, token: 1 }]'),
  () => foreign('({ owner: "x", ttlMs: 5, get value() { throw new Error("elsewhere"); } })'),
  () => ({ toJSON: () => 'x'.repeat(1_000_000) }),
  () => ({
    toJSON: () => {
      throw new CallersError('a toJSON of the caller');
    },
  }),
  () => ({ [Symbol.toPrimitive]: () => 7, valueOf: () => 7, toString: () => 'seven' }),
  () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    return circular;
  },
  () => DEEP,
  () => Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`p${i}`, i])),
  () => JSON.parse('{"__proto__": {"owner": "x"}, "type": "a"}'),
];
