import { randomBytes } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { systemClock } from '../src/clock.js';
import { nodeFileSystem } from '../src/io/node-file-system.js';
import { type Answer, answer, type ShardApi } from '../src/shard/control-api.js';
import { Shard, type ShardConfig } from '../src/shard/shard.js';

export interface ShardTask {
  readonly config: ShardConfig;
  /** Control calls come in here. */
  readonly port: MessagePort;
}

/** One shard's thread: a task that ends when the store is closed, and answers whether its log could be. */
export async function runShard({ config, port }: ShardTask): Promise<Answer<void>> {
  const shard = new Shard(config, { files: nodeFileSystem(), clock: systemClock(), random });
  let startRunning = () => {};
  const started = new Promise<void>((resolve) => {
    startRunning = resolve;
  });
  let isRunning = false;
  const api: ShardApi = {
    recover: async () => answer(() => shard.recover()),
    start: async (order) =>
      answer(() => {
        shard.start(order);
        isRunning = true;
        startRunning();
      }),
    resume: async (time) =>
      answer(() => {
        const resumed = shard.resume(time);
        isRunning = true;
        startRunning();
        return resumed;
      }),
    stop: async () =>
      answer(() => {
        shard.stop();
        startRunning();
      }),
  };
  expose(api, nodeEndpoint(port));
  try {
    await started;
    if (!isRunning) return answer(() => {});
    // The answer to the start goes out before the loop begins, which may sleep at once.
    await new Promise((resolve) => setImmediate(resolve));
    await shard.run();
    return answer(() => shard.close());
  } catch (error) {
    // The thread may serve again, and must not keep what the next writer of the log does not know of.
    shard.abandon();
    throw error;
  } finally {
    port.close();
  }
}

function random(): number {
  return randomBytes(4).readUInt32LE();
}
