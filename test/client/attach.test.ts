import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HEALTH_CLOSED, READER_ROWS } from '../../native-layout/shard-control.js';
import { attach, createHandle, type StoreHandle } from '../../src/client/attach.js';
import { Reads } from '../../src/client/reads/reads.js';
import { systemClock } from '../../src/clock.js';
import type { Lease } from '../../src/lease.js';
import { claimRow, freeRow } from '../../src/memory/pins.js';
import { ShardFixture } from '../support/shard-fixture.js';
import type { Asked } from './attach-worker.js';

/** Store time is the machine's: the threads must agree on it. */
function filled(shards: number, count: number): ShardFixture {
  const fixture = new ShardFixture(shards);
  const nowMs = Math.floor(Date.now());
  fixture.nowMs = nowMs;
  for (let i = 0; i < count; i++) {
    const key = { type: 't', id: String(i).padStart(6, '0') };
    const rest = { owner: `node-${i % 3}`, token: nowMs * 1000 + i, ttlMs: 3_600_000, renewals: i, value: `v${i}` };
    fixture.put({ key, expiresAtMs: nowMs + (i % 10 === 9 ? -1 : 3_600_000), ...rest });
  }
  return fixture.publish();
}

function handleOf(fixture: ShardFixture): StoreHandle {
  const clock = systemClock();
  return createHandle({
    controls: fixture.controls,
    slabs: fixture.shards.map(({ slabs }) => slabs),
    hashSeed: fixture.hashSeed,
    time: { storeMs: fixture.nowMs, monotonicMs: clock.monotonicMs() },
    valueEncoding: 'utf8',
  });
}

class Reader {
  readonly worker: Worker;
  /** Set to 1 to let the thread go on. */
  readonly signal = new Int32Array(new SharedArrayBuffer(4));

  constructor(handle: StoreHandle) {
    const workerData = { handle, signal: this.signal };
    this.worker = new Worker(new URL('attach-worker.js', import.meta.url), { workerData, transferList: [handle.port] });
  }

  /** Answers what the thread answered, or throws the code of the error it met. */
  async ask(asked: Asked): Promise<unknown> {
    this.worker.postMessage(asked);
    const [{ code, answer }] = await once(this.worker, 'message');
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    return answer;
  }
}

/** Rows that are free to be claimed. */
function freeRows(fixture: ShardFixture): number {
  const { controls } = fixture;
  const rows: number[] = [];
  for (let row = claimRow(controls); row >= 0; row = claimRow(controls)) rows.push(row);
  for (const row of rows) freeRow(controls, row);
  return rows.length;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.unreachable(`did not come true: ${what}`);
}

function hasCode(code: string): (error: { code?: string }) => boolean {
  return (error) => error.code === code;
}

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: { code?: string }) => reason,
  );
  assert.is(error?.code, code);
}

test('another thread reads what this one does, and what is written later', async () => {
  const fixture = filled(3, 500);
  const reads = new Reads(fixture.parts());
  const reader = new Reader(handleOf(fixture));
  assert.equal(await reader.ask({ call: 'range', range: {} }), [...reads.range()]);
  assert.equal(await reader.ask({ call: 'range', range: { owner: 'node-1', reverse: true, limit: 70 } }), [
    ...reads.range({ owner: 'node-1', reverse: true, limit: 70 }),
  ]);
  assert.is(await reader.ask({ call: 'count' }), 500);
  const [first] = reads.range({ limit: 1 });
  assert.equal(await reader.ask({ call: 'get', key: first.key }), first);
  const later: Omit<Lease<string>, 'acquiredAtMs'> = { ...first, owner: 'later', token: first.token + 1_000_000_000 };
  fixture.put(later).publish();
  assert.is(((await reader.ask({ call: 'get', key: first.key })) as Lease).owner, 'later');
  await reader.worker.terminate();
});

test('a thread that is terminated in the middle of a visit gives back its row and what it held', async () => {
  const fixture = filled(2, 300);
  const free = freeRows(fixture);
  const reader = new Reader(handleOf(fixture));
  assert.is(freeRows(fixture), free - 1);
  await reader.ask({ call: 'hold' });
  fixture.publish();
  reader.worker.postMessage({ call: 'hang' });
  await until('the visit began', () => fixture.pinned === 4);
  await reader.worker.terminate();
  await until('the row is free', () => freeRows(fixture) === free);
  assert.is(fixture.pinned, 0);
});

test('a thread that ends of itself, or is closed, gives its row back', async () => {
  const fixture = filled(1, 10);
  const free = freeRows(fixture);
  for (const call of ['exit', 'close'] as const) {
    const reader = new Reader(handleOf(fixture));
    await reader.ask({ call: 'hold' });
    assert.is(fixture.pinned, 1);
    // A thread that is over answers nothing.
    if (call === 'close') await reader.ask({ call });
    else reader.worker.postMessage({ call });
    await until(`the row is free after ${call}`, () => freeRows(fixture) === free);
    assert.is(fixture.pinned, 0);
    if (call === 'close') await rejects(reader.ask({ call: 'count' }), 'ERR_HOLDFAST_CLOSED');
    await reader.worker.terminate();
  }
});

test('a handle that was never used is given back by closing its port', async () => {
  const fixture = filled(1, 10);
  const free = freeRows(fixture);
  const handles = Array.from({ length: free }, () => handleOf(fixture));
  assert.throws(() => handleOf(fixture), hasCode('ERR_HOLDFAST_OVERLOADED'));
  for (const { port } of handles) port.close();
  await until('the rows are free', () => freeRows(fixture) === free);
  assert.throws(() => attach(handles[0]), hasCode('ERR_HOLDFAST_INVALID_ARGUMENT'));
});

test('reads and snapshots of a closed attachment end, also within a visit', async () => {
  const fixture = filled(2, 300);
  const free = freeRows(fixture);
  const reads = attach<string>(handleOf(fixture));
  const snapshot = reads.snapshot();
  const iterator = reads.range();
  iterator.next();
  const visited = reads.forEach({ includeExpired: true }, () => {
    reads.close();
    assert.is(fixture.pinned, 2, 'what it stands on stays until it ends');
  });
  assert.is(visited, 300);
  assert.throws(() => reads.get({ type: 't', id: '000001' }), hasCode('ERR_HOLDFAST_CLOSED'));
  assert.throws(() => reads.snapshot(), hasCode('ERR_HOLDFAST_CLOSED'));
  assert.throws(() => snapshot.count(), hasCode('ERR_HOLDFAST_CLOSED'));
  assert.throws(() => [...iterator], hasCode('ERR_HOLDFAST_CLOSED'));
  await until('the row is free', () => freeRows(fixture) === free);
  assert.is(fixture.pinned, 0);
});

test('a row is not given back while the visit that closed its attachment goes on', async () => {
  const fixture = filled(1, 10);
  const free = freeRows(fixture);
  const reader = new Reader(handleOf(fixture));
  assert.is(await reader.ask({ call: 'closeWithin' }), 'closed');
  // Long enough for the end of the port to be heard here.
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is(freeRows(fixture), free - 1);
  assert.is(fixture.pinned, 1);
  Atomics.store(reader.signal, 0, 1);
  Atomics.notify(reader.signal, 0);
  await until('the row is free', () => freeRows(fixture) === free);
  await reader.worker.terminate();
});

test('a thread learns at once that the store was closed', async () => {
  const fixture = filled(2, 10);
  const reads = attach<string>(handleOf(fixture));
  const snapshot = reads.snapshot();
  const late = handleOf(fixture);
  for (const control of fixture.controls) control.raise(HEALTH_CLOSED);
  assert.throws(() => reads.count(), hasCode('ERR_HOLDFAST_CLOSED'));
  assert.throws(() => snapshot.count(), hasCode('ERR_HOLDFAST_CLOSED'));
  assert.throws(() => attach(late), hasCode('ERR_HOLDFAST_CLOSED'));
  reads.close();
  late.port.close();
});

test('what is no handle, or was one, is refused and says why', async () => {
  const fixture = filled(1, 10);
  const handle = handleOf(fixture);
  const { port1 } = new MessageChannel();
  const refused: [unknown, RegExp][] = [
    [undefined, /store\.handle/],
    [{}, /store\.handle/],
    // What a process gets: memory does not go through a pipe.
    [JSON.parse(JSON.stringify(handle)), /same process/],
    [{ ...handle, port: undefined }, /transfer list/],
  ];
  for (const [bad, pattern] of refused) {
    assert.throws(
      () => attach(bad as StoreHandle),
      (error: { code?: string; message: string }) =>
        error.code === 'ERR_HOLDFAST_INVALID_ARGUMENT' && pattern.test(error.message),
    );
  }
  const reads = attach(handle);
  assert.throws(() => attach({ ...handle, port: port1 }), hasCode('ERR_HOLDFAST_INVALID_ARGUMENT'));
  assert.is(reads.count(), 10, 'and harms nobody');
  reads.close();
  port1.close();
});

test('as many threads as there are rows can read at once', async () => {
  const fixture = filled(1, 10);
  const attached = Array.from({ length: READER_ROWS }, () => attach(handleOf(fixture)));
  for (const reads of attached) assert.is(reads.count(), 10);
  for (const reads of attached) reads.close();
  await until('all rows are free', () => freeRows(fixture) === READER_ROWS);
});

test.run();
