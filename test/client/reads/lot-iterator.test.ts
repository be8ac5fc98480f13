import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LotIterator } from '../../../src/client/reads/lot-iterator.js';

/** The numbers from 0 up to `count`, and what was asked for. */
class Numbers {
  readonly asked: number[] = [];
  closed = 0;
  #given = 0;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  take(most: number): number[] {
    assert.is(this.closed, 0, 'nothing is taken once it is closed');
    this.asked.push(most);
    const from = this.#given;
    this.#given = Math.min(from + most, this.#count);
    return Array.from({ length: this.#given - from }, (_, i) => from + i);
  }

  close(): void {
    this.closed++;
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

test('whatever is there comes once, in order, in lots that grow', () => {
  for (const count of [0, 1, 15, 16, 17, 48, 49, 1000]) {
    const numbers = new Numbers(count);
    assert.equal([...new LotIterator(numbers, Number.POSITIVE_INFINITY)], upTo(count));
    assert.is(numbers.closed, 1);
  }
  const numbers = new Numbers(2000);
  assert.equal([...new LotIterator(numbers, 1000)], upTo(1000));
  assert.equal(numbers.asked, [16, 32, 64, 128, 256, 256, 248]);
  assert.is(numbers.closed, 1);
});

test('a page is one lot, and is closed before its first value is handed out', () => {
  const numbers = new Numbers(100);
  const page = new LotIterator(numbers, 10, 10);
  assert.equal(page.next(), { done: false, value: 0 });
  assert.is(numbers.closed, 1);
  assert.equal([...page], upTo(10).slice(1));
  assert.equal(numbers.asked, [10]);
});

test('of nothing that is wanted, nothing is asked for', () => {
  const numbers = new Numbers(10);
  assert.equal([...new LotIterator(numbers, 0, 0)], []);
  assert.equal(numbers.asked, []);
});

test('it closes once, whether it is left, returned or thrown out of, and gives nothing after', () => {
  const ends: ((numbers: LotIterator<number>) => void)[] = [
    (all) => {
      for (const number of all) if (number === 3) break;
    },
    (all) => assert.equal(all.return(), { done: true, value: undefined }),
    (all) => assert.throws(() => all.throw(new Error('enough')), /enough/),
  ];
  for (const end of ends) {
    const numbers = new Numbers(100);
    const all = new LotIterator(numbers, Number.POSITIVE_INFINITY);
    all.next();
    end(all);
    assert.equal(all.next(), { done: true, value: undefined });
    assert.equal(all.return(), { done: true, value: undefined });
    assert.is(numbers.closed, 1);
  }
});

test('a failure ends it', () => {
  const numbers = new Numbers(100);
  const all = new LotIterator(numbers, Number.POSITIVE_INFINITY);
  all.next();
  numbers.take = () => {
    throw new Error('no more');
  };
  assert.throws(() => [...all], /no more/);
  assert.is(numbers.closed, 1);
  assert.equal(all.next(), { done: true, value: undefined });
});

test('it is not gone on with from within itself', () => {
  const numbers = new Numbers(100);
  const all: LotIterator<number> = new LotIterator(numbers, Number.POSITIVE_INFINITY);
  numbers.take = () => [...all];
  assert.throws(() => all.next(), TypeError);
});

test('it is an iterator like those of the language, with all that they can do', () => {
  const all = new LotIterator(new Numbers(3), Number.POSITIVE_INFINITY);
  assert.is(all[Symbol.iterator](), all);
  const languages = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  assert.ok(Object.prototype.isPrototypeOf.call(languages, all));
});

test.run();
