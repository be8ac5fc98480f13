// timeout: 300s
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { scaled, seed, temporaryDirectory } from '../support/env.js';
import { Random } from '../support/tree-random.js';
import { checkLinearizable } from './checker.js';
import { historyOf, type Operation, type ProcessRecord } from './history.js';
import type { HostOrder } from './host.js';
import { leaseStep, NOTHING_HELD } from './lease-spec.js';
import { machineMs } from './recorder.js';

const HOST = fileURLToPath(new URL('host.js', import.meta.url));
const root = temporaryDirectory();
const KEYS = ['a', 'b', 'c', 'd', 'e'];

for (const durability of ['written', 'synced'] as const) {
  test(`every key of a ${durability} store is linearizable, through kills and reopenings`, async () => {
    const random = new Random(seed);
    for (let store = 0; store < scaled(1, 20); store++) {
      const directory = join(root, `${durability}-${store}`);
      const processes: ProcessRecord[] = [];
      const lives = scaled(4, 10);
      for (let life = 0; life < lives; life++) {
        const records = join(root, `${durability}-${store}-records-${life}`);
        mkdirSync(records);
        const order: HostOrder = {
          ...{ directory, records, seed: random.u32(), durability, keys: KEYS },
          ...{ shards: 1 + (store % 3), clients: 6, readers: 2 },
          // The last one lives to the end: what it finds is what the others left.
          ...(life < lives - 1 ? {} : { rounds: 60 }),
        };
        processes.push(await live(order, random));
      }
      expectLinearizable(historyOf(processes), `store ${store} of seed ${seed}`);
    }
  });
}

/** Runs a host until it ends, or until it is killed: at its opening now and then, else later. */
async function live(order: HostOrder, random: Random): Promise<ProcessRecord> {
  const child = spawn(process.execPath, [HOST, JSON.stringify(order)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  let isOver = false;
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) => {
    child.once('close', (code, signal) => {
      isOver = true;
      resolve(signal ?? code);
    });
  });
  const isKilled = order.rounds === undefined;
  if (isKilled) {
    // Time says little about how far it has come.
    const bytes = random.chance(0.8) ? random.between(40_000, 200_000) : 0;
    while (!isOver && bytesIn(order.records) < bytes) await sleep(20);
    await sleep(random.between(0, 300));
    child.kill('SIGKILL');
  }
  assert.is(await ended, isKilled ? 'SIGKILL' : 0, stderr);
  const goneMs = machineMs();
  const records = readdirSync(order.records).map((name) => readFileSync(join(order.records, name), 'utf8'));
  return { records, goneMs };
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

function expectLinearizable(history: ReadonlyMap<string, Operation[]>, what: string): void {
  let operations = 0;
  for (const [key, calls] of history) {
    operations += calls.length;
    const verdict = checkLinearizable(calls, NOTHING_HELD, leaseStep);
    if (verdict.ok) continue;
    const show = (i: number) => `  ${JSON.stringify(calls[i])}`;
    assert.unreachable(
      `${what}: key ${key} is not linearizable: ${verdict.explained} of ${calls.length} calls can be explained, last\n` +
        `${verdict.last.map(show).join('\n')}\nand none of these can follow:\n${verdict.next.map(show).join('\n')}`,
    );
  }
  assert.ok(operations > 300, `${operations} calls are too few to tell anything`);
  console.log(`${what}: ${operations} calls on ${history.size} keys`);
}

test.run();
