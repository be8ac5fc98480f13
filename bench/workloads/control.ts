import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { CONTROL } from '../subjects.js';
import { clockCostNs, Latencies } from '../latency.js';
import { StallWatch } from '../stall-watch.js';
import type { SoloWorkload } from './workload.js';

const FRAME = Buffer.alloc(128, 7);
const FILE_BYTES = 256 * 1024 * 1024;
const CHUNK = Buffer.alloc(1024 * 1024, 7);

/** The machine without any store: what appends, syncs, reads, sleeps and the clock itself cost in this run. */
export const control: SoloWorkload = {
  name: 'control',
  about: `no store: a bare append of ${FRAME.length} bytes and its fdatasync, reading and CRC of a file, sleeps of 1 ms, the clock`,
  suits: (engine) => engine === CONTROL,
  async run(bench) {
    bench.report('clock-pair', clockCostNs(), 'ns');
    const path = join(bench.directory('control'), 'file');
    const file = openSync(path, 'a');
    const written = bench.extent(200_000, 2);
    bench.part('append').latencies(timed(written, () => writeSync(file, FRAME)));
    bench.level = 'synced';
    bench.part('append+fdatasync').latencies(
      timed(bench.extent(20_000, 4), () => {
        writeSync(file, FRAME);
        fdatasyncSync(file);
      }),
    );
    bench.level = 'none';
    const { operations } = bench.extent(FILE_BYTES / CHUNK.length, 1);
    for (let i = 0; i < operations; i++) writeSync(file, CHUNK);
    closeSync(file);
    const startedMs = performance.now();
    const bytes = readFileSync(path);
    crc32(bytes);
    bench.report('read+crc', bytes.length / 2 ** 20 / ((performance.now() - startedMs) / 1000), 'MiB/s');
    const { seconds } = bench.extent(1, 5);
    const watch = await StallWatch.start(seconds);
    await sleep(seconds * 1000);
    bench.part('sleep-1ms').latencies(await watch.stop(), { strip: true });
  },
};

function timed(extent: { readonly operations: number; readonly seconds: number }, work: () => void): Latencies {
  const latencies = new Latencies(extent.operations);
  const endMs = performance.now() + extent.seconds * 1000;
  for (let i = 0; i < extent.operations; i++) {
    const startedMs = performance.now();
    work();
    const now = performance.now();
    latencies.add(startedMs, now);
    if (now >= endMs) break;
  }
  return latencies;
}
