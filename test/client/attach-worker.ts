import { parentPort, workerData } from 'node:worker_threads';
import { attach, type StoreHandle } from '../../src/client/attach.js';
import type { ActorKey, LeaseRange } from '../../src/lease.js';

/** What a test asks its reading thread to do. */
export type Asked =
  | { readonly call: 'range'; readonly range: LeaseRange }
  | { readonly call: 'get'; readonly key: ActorKey }
  | { readonly call: 'count' | 'hold' | 'hang' | 'exit' | 'close' | 'closeWithin' };

const { handle, signal } = workerData as { handle: StoreHandle; signal: Int32Array };
const reads = attach<string>(handle);
const held: unknown[] = [];

function answer(asked: Asked): unknown {
  switch (asked.call) {
    case 'range':
      return [...reads.range(asked.range)];
    case 'get':
      return reads.get(asked.key);
    case 'count':
      return reads.count();
    case 'hold':
      return held.push(reads.snapshot());
    case 'hang':
      return reads.forEach({}, () => {
        for (;;);
      });
    case 'closeWithin':
      return reads.forEach({}, () => {
        reads.close();
        parentPort?.postMessage({ answer: 'closed' });
        Atomics.wait(signal, 0, 0);
        return false;
      });
    case 'exit':
      return parentPort?.close();
    case 'close':
      return reads.close();
  }
}

parentPort?.on('message', (asked: Asked) => {
  try {
    parentPort?.postMessage({ answer: answer(asked) });
  } catch (error) {
    parentPort?.postMessage({ code: (error as { code?: string }).code ?? String(error) });
  }
});
